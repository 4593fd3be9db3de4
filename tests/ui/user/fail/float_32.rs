use stripeflare::StripeUser;

#[derive(StripeUser)]
struct User {
    factor: f32,
}

fn main() {}
