//! Columns of every kind, written and found.

use serde::{Deserialize, Serialize};
use stripeflare::axum::Extension;
use stripeflare::prelude::*;
use stripeflare::worker::Env;
use stripeflare::{Routes, Users};

/// Columns of each kind.
#[derive(StripeUser)]
pub(crate) struct User {
    #[column(default = "free", index, public)]
    pub(crate) tier: String,
    pub(crate) logins: i64,
    pub(crate) nickname: Option<String>,
    #[column(unique, public)]
    handle: Option<String>,
    #[column(default = 0.5)]
    factor: f64,
    picture: Vec<u8>,
    #[column(default = "none")]
    level: Level,
    seen: Option<Timestamp>,
    spent: Cents,
    #[column(public)]
    news: bool,
    #[column(json, public)]
    tags: Option<Vec<String>>,
    small: i8,
}

/// An enum.
#[derive(ColumnEnum, Serialize, Deserialize, Clone, Copy, Debug, PartialEq)]
pub(crate) enum Level {
    /// Of nothing.
    None,
    /// Of much.
    #[column(rename = "very high")]
    High,
}

/// All columns but the first three, a number by its bits; or those of them that are to change.
#[derive(Serialize, Deserialize)]
struct Columns {
    logins: Option<i64>,
    nickname: Option<String>,
    handle: Option<String>,
    factor_bits: Option<u64>,
    picture: Option<Vec<u8>>,
    level: Option<Level>,
    seen: Option<Timestamp>,
    spent: Option<Cents>,
    news: Option<bool>,
    tags: Option<Vec<String>>,
    small: Option<i8>,
}

impl From<&User> for Columns {
    fn from(user: &User) -> Self {
        Self {
            logins: Some(user.logins),
            nickname: user.nickname.clone(),
            handle: user.handle.clone(),
            factor_bits: Some(user.factor.to_bits()),
            picture: Some(user.picture.clone()),
            level: Some(user.level),
            seen: user.seen,
            spent: Some(user.spent),
            news: Some(user.news),
            tags: user.tags.clone(),
            small: Some(user.small),
        }
    }
}

#[get("/columns")]
async fn columns(account: Account<User>) -> Json<Columns> {
    Json(Columns::from(&*account))
}

#[post("/columns")]
async fn write_columns(mut account: Account<User>, Json(new): Json<Columns>) -> Result<Json<Columns>> {
    account
        .update(|user| {
            user.logins = new.logins.unwrap_or(user.logins);
            user.nickname = new.nickname.clone().or_else(|| user.nickname.take());
            user.handle = new.handle.clone().or_else(|| user.handle.take());
            user.factor = new.factor_bits.map_or(user.factor, f64::from_bits);
            user.picture = new.picture.clone().unwrap_or_else(|| user.picture.clone());
            user.level = new.level.unwrap_or(user.level);
            user.seen = new.seen.or(user.seen);
            user.spent = new.spent.unwrap_or(user.spent);
            user.news = new.news.unwrap_or(user.news);
            user.tags = new.tags.clone().or_else(|| user.tags.take());
            user.small = new.small.unwrap_or(user.small);
        })
        .await?;
    Ok(Json(Columns::from(&*account)))
}

#[post("/login")]
async fn login(mut account: Account<User>) -> Result<String> {
    account.update(|user| user.logins += 1).await?;
    Ok(account.logins.to_string())
}

#[post("/paid-login")]
#[priced(cents = 1)]
async fn paid_login(mut account: Account<User>) -> Result<String> {
    account.update(|user| user.logins += 1).await?;
    Ok(account.logins.to_string())
}

#[post("/leave-handle")]
async fn leave_handle(mut account: Account<User>) -> Result<()> {
    Ok(account.update(|user| user.handle = None).await?)
}

/// What `/found` looks for.
#[derive(Deserialize)]
struct Wanted {
    least: i64,
    limit: u64,
}

/// Who logged in so often, the most frequent first, and how many of them there are.
#[get("/found")]
async fn found(Extension(env): Extension<Env>, Query(wanted): Query<Wanted>) -> Result<String> {
    let filter = || User::logins.ge(wanted.least).and(User::tier.eq("free")).and(Users::balance.gt(Cents::ZERO));
    let mut text = Users::find(filter()).count(&env).await?.to_string();
    let mut users = Users::find(filter()).order_by(User::logins.desc()).limit(wanted.limit).stream(&env);
    while let Some(user) = users.next().await? {
        text += &format!(" {}:{}", user.id(), user.logins);
    }
    Ok(text)
}

pub(crate) fn routes() -> Routes<User> {
    routes![columns, write_columns, login, paid_login, leave_handle, found]
}
