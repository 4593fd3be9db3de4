use stripeflare::StripeUser;

#[derive(StripeUser)]
struct User {
    #[column(since = 0)]
    tier: String,
}

fn main() {}
