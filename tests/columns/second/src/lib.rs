//! Version 2 of `examples/extended-user`, as it would have been released.

use stripeflare::prelude::*;

/// A player.
#[derive(StripeUser)]
#[stripe_user(migration(version = 2, sql = "UPDATE users SET score = score * 10"))]
pub struct Player {
    #[column(default = "free", index, public)]
    plan: String,
    #[column(since = 2, renamed_from = "points", public)]
    score: i64,
    referrer: Option<String>,
    #[column(since = 2, unique, public)]
    handle: Option<String>,
}

/// Gives the player a name.
#[post("/handle/{handle}")]
async fn handle(mut player: Account<Player>, Path(handle): Path<String>) -> Result<()> {
    Ok(player.update(|player| player.handle = Some(handle.clone())).await?)
}

/// Plays, for a cent.
#[post("/play")]
#[priced(cents = 1)]
async fn play(mut player: Account<Player>) -> Result<String> {
    player.update(|player| player.score += 10).await?;
    let referrer = player.referrer.as_deref().unwrap_or("nobody");
    Ok(format!("{} points, {}, sent by {referrer}\n", player.score, player.plan))
}

#[stripeflare::main]
fn app() -> App<Player> {
    App::new().routes(routes![handle, play])
}
