use stripeflare::ColumnEnum;

#[derive(ColumnEnum)]
struct Tier;

fn main() {}
