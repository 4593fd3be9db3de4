use stripeflare::StripeUser;

#[derive(StripeUser)]
struct User {
    #[column(default = 0.5)]
    points: i64,
}

fn main() {}
