use stripeflare::StripeUser;

#[derive(StripeUser)]
struct User {
    #[column(index)]
    #[column(index)]
    tier: String,
}

fn main() {}
