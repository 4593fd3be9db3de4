use stripeflare::StripeUser;

#[derive(StripeUser)]
struct User {
    tier: std::time::Duration,
}

fn main() {}
