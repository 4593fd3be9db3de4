use stripeflare::StripeUser;

#[derive(StripeUser)]
struct User {
    #[column(unique, default = "free")]
    tier: String,
}

fn main() {}
