use stripeflare::ColumnEnum;

#[derive(ColumnEnum)]
enum Tier {
    Free,
    Pro(u8),
}

fn main() {}
