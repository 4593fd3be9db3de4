//! What is recorded is there, and more in a new version; other structs are nobody's business.

use stripeflare::{ColumnEnum, StripeUser};

#[derive(ColumnEnum)]
enum Tier {
    Free,
    Pro,
}

#[derive(StripeUser)]
#[stripe_user(migration(version = 2, sql = "UPDATE users SET points = 1"))]
#[stripe_user(dropped(name = "points", since = 3))]
struct Recorded {
    #[column(default = "free", index, public)]
    tier: Tier,
    #[column(since = 3, renamed_from = "nickname")]
    handle: Option<String>,
    #[column(since = 3)]
    more: Option<u8>,
}

#[derive(StripeUser)]
struct Another {
    tier: u8,
}

fn main() {
    let _ = |user: Recorded, another: Another| (user.tier, user.handle, user.more, another.tier);
    let _ = Tier::Pro;
}
