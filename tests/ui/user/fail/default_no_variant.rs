use stripeflare::{ColumnEnum, StripeUser};

#[derive(ColumnEnum)]
enum Tier {
    Free,
    Pro,
}

#[derive(StripeUser)]
struct User {
    #[column(default = "fre")]
    tier: Tier,
}

fn main() {}
