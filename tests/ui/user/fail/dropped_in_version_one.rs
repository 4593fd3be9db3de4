use stripeflare::StripeUser;

#[derive(StripeUser)]
#[stripe_user(dropped(name = "legacy", since = 1))]
struct User {
    tier: String,
    #[column(since = 2, default = 0)]
    points: i64,
}

fn main() {}
