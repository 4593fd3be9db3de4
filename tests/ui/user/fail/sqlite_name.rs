use stripeflare::StripeUser;

#[derive(StripeUser)]
struct User {
    sqlite_tier: String,
}

fn main() {}
