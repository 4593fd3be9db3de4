use stripeflare::StripeUser;

#[derive(StripeUser)]
struct User {
    #[column(default = 1)]
    tier: String,
}

fn main() {}
