use stripeflare::ColumnEnum;

#[derive(ColumnEnum)]
enum Tier {
    #[column(renamed = "free")]
    Free,
}

fn main() {}
