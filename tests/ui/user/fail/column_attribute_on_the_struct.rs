use stripeflare::StripeUser;

#[derive(StripeUser)]
#[column(index)]
struct User {
    tier: String,
}

fn main() {}
