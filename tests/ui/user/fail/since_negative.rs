use stripeflare::StripeUser;

#[derive(StripeUser)]
struct User {
    #[column(since = -1)]
    tier: String,
}

fn main() {}
