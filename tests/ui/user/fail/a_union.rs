use stripeflare::StripeUser;

#[derive(StripeUser)]
union User {
    tier: u8,
}

fn main() {}
