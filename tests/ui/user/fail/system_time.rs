use stripeflare::StripeUser;

#[derive(StripeUser)]
struct User {
    seen: std::time::SystemTime,
}

fn main() {}
