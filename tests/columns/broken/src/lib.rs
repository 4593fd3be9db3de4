//! A version 4 of `examples/extended-user` whose SQL is wrong.

use stripeflare::prelude::*;

/// A player.
#[derive(StripeUser)]
#[allow(clippy::duplicated_attributes, reason = "clippy does not look at the numbers")]
#[stripe_user(migration(version = 2, sql = "UPDATE users SET score = score * 10"))]
#[stripe_user(dropped(name = "referrer", since = 3))]
#[stripe_user(migration(version = 4, sql = "UPDATE users SET no_such_column = 1"))]
pub struct Player {
    #[column(default = "free", index, public)]
    plan: String,
    #[column(since = 2, renamed_from = "points", public)]
    score: i64,
    #[column(since = 4)]
    added: Option<i64>,
}

/// Plays, for a cent.
#[post("/play")]
#[priced(cents = 1)]
async fn play(mut player: Account<Player>) -> Result<String> {
    player.update(|player| player.score += 10 + player.added.unwrap_or_default()).await?;
    Ok(format!("{} points, {}\n", player.score, player.plan))
}

#[stripeflare::main]
fn app() -> App<Player> {
    App::new().routes(routes![play])
}
