use stripeflare::StripeUser;

#[derive(StripeUser)]
struct User {
    __tier: String,
}

fn main() {}
