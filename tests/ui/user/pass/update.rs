//! Columns written and read in handlers.

use stripeflare::prelude::*;
use stripeflare::{FoundUser, UpdateError, Users};

#[derive(StripeUser)]
struct User {
    tier: String,
    points: i64,
    #[column(json)]
    tags: Option<Vec<String>>,
}

#[post("/buy/{tier}")]
#[priced(cents = 1)]
async fn buy(mut account: Account<User>, Path(tier): Path<String>) -> Result<String> {
    let mut tries = 0;
    account
        .update(|user| {
            tries += 1;
            user.tier = tier.clone();
            user.points += 1;
            user.tags.get_or_insert_default().push("new".into());
        })
        .await?;
    Ok(account.tier.clone())
}

async fn by_hand(mut account: Account<User>) -> Result<i64, UpdateError> {
    account.update(|user| user.points = 0).await?;
    Ok(account.points)
}

async fn all(env: stripeflare::worker::Env) -> Result<u64> {
    let mut users = Users::<User>::all().order_by(Users::registered_at.asc()).stream(&env);
    while let Some(user) = users.next().await? {
        let user: FoundUser<User> = user;
        let _ = (&user.tier, user.id(), user.balance());
    }
    Users::find(User::points.gt(5).and(Users::email.is_some())).count(&env).await
}

fn main() {
    let _ = (buy, by_hand, all);
}
