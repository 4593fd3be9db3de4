use stripeflare::StripeUser;

#[derive(StripeUser)]
#[stripe_user(index(columns = tier, since = 2))]
struct User {
    tier: String,
    #[column(since = 2, default = 0)]
    points: i64,
}

fn main() {}
