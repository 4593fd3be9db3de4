use stripeflare::StripeUser;

#[derive(StripeUser)]
#[stripe_user(migration(version = 2, sql = 2))]
struct User {
    tier: String,
    #[column(since = 2, default = 0)]
    points: i64,
}

fn main() {}
