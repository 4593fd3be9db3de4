use stripeflare::StripeUser;

#[derive(StripeUser)]
#[stripe_user(migration(version = 2, sql = "UPDATE users SET points = 2"))]
struct Recorded {
    #[column(default = "free", index)]
    tier: String,
    points: i64,
    #[column(since = 2)]
    nickname: Option<String>,
}

fn main() {}
