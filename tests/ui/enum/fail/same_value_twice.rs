use stripeflare::ColumnEnum;

#[derive(ColumnEnum)]
enum Tier {
    Free,
    #[column(rename = "free")]
    Gratis,
}

fn main() {}
