//! Every type and every key.

use stripeflare::{Cents, StripeUser};

#[derive(StripeUser)]
#[stripe_user(dropped(name = "legacy", since = 3), index(columns = [tier, r#type], since = 2))]
#[stripe_user(migration(version = 4, sql = "UPDATE users SET points = points * 10"))]
pub struct User {
    #[column(default = "free", index, public)]
    pub tier: String,
    #[column(default = -3, since = 2)]
    pub points: i64,
    #[column(default = 1)]
    pub factor: f64,
    #[column(default = -0.5)]
    pub offset: Option<f64>,
    #[column(default = true)]
    pub news: bool,
    #[column(unique, since = 2, renamed_from = "kind")]
    pub r#type: Option<String>,
    #[column(since = 2, json)]
    pub tags: Option<Vec<String>>,
    #[column(json, default = "[]")]
    pub history: Vec<u8>,
    pub spent: Cents,
    pub picture: Vec<u8>,
    pub level: u8,
}

#[derive(StripeUser)]
pub struct Nobody {}

#[derive(StripeUser)]
pub struct Unit;

fn main() {}
