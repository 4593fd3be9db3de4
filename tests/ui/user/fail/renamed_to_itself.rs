use stripeflare::StripeUser;

#[derive(StripeUser)]
struct User {
    #[column(renamed_from = "tier")]
    tier: String,
}

fn main() {}
