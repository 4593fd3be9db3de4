use stripeflare::StripeUser;

#[derive(StripeUser)]
struct User {
    #[column(default = TIER)]
    tier: String,
}

fn main() {}
