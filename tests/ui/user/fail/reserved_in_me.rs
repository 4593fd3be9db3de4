use stripeflare::StripeUser;

#[derive(StripeUser)]
struct User {
    registered: bool,
}

fn main() {}
