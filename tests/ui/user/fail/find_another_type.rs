use stripeflare::StripeUser;

#[derive(StripeUser)]
struct User {
    tier: String,
    level: u8,
}

fn main() {
    let _ = User::tier.eq(5);
    let _ = User::level.gt(300);
}
