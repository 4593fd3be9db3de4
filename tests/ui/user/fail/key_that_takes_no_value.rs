use stripeflare::StripeUser;

#[derive(StripeUser)]
struct User {
    #[column(index = true)]
    tier: String,
}

fn main() {}
