use stripeflare::StripeUser;

#[derive(StripeUser)]
#[allow(non_snake_case)]
struct User {
    tier: String,
    Tier: String,
}

fn main() {}
