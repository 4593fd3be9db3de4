use stripeflare::StripeUser;

#[derive(StripeUser)]
enum User {
    Free,
}

fn main() {}
