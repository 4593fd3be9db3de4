use stripeflare::StripeUser;

#[derive(StripeUser)]
struct User {
    #[column(since = "2")]
    tier: String,
}

fn main() {}
