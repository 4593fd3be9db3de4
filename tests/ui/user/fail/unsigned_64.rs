use stripeflare::StripeUser;

#[derive(StripeUser)]
struct User {
    points: Option<u64>,
}

fn main() {}
