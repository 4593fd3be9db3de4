use stripeflare::{ColumnEnum, StripeUser};

#[derive(ColumnEnum)]
enum Tier {
    Free,
    Pro,
}

#[derive(StripeUser)]
struct User {
    tier: Tier,
}

fn main() {}
