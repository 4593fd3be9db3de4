use stripeflare::StripeUser;

#[derive(StripeUser)]
#[allow(non_snake_case)]
struct User {
    Balance: i64,
}

fn main() {}
