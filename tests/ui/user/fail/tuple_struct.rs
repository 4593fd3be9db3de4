use stripeflare::StripeUser;

#[derive(StripeUser)]
struct User(String);

fn main() {}
