use stripeflare::StripeUser;

type Points = i64;

#[derive(StripeUser)]
struct User {
    #[column(default = "many")]
    points: Points,
}

fn main() {}
