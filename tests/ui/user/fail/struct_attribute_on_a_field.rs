use stripeflare::StripeUser;

#[derive(StripeUser)]
struct User {
    #[stripe_user(index)]
    tier: String,
}

fn main() {}
