use stripeflare::StripeUser;

#[derive(StripeUser)]
struct User {
    #[column(renamed_from = "level")]
    tier: String,
    level: u8,
}

fn main() {}
