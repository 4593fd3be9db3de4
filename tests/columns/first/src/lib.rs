//! Version 1 of `examples/extended-user`, as it would have been released.

use stripeflare::prelude::*;

/// A player.
#[derive(StripeUser)]
pub struct Player {
    #[column(default = "free", index, public)]
    plan: String,
    #[column(public)]
    points: i64,
    referrer: Option<String>,
}

/// Fills the row in the test's way.
#[post("/fill/{number}")]
async fn fill(mut player: Account<Player>, Path(number): Path<i64>) -> Result<()> {
    player
        .update(|player| {
            player.plan = if number % 3 == 0 { "pro" } else { "free" }.to_owned();
            player.referrer = (number % 2 == 0).then(|| format!("friend {number}"));
        })
        .await?;
    Ok(())
}

/// Plays, for a cent.
#[post("/play")]
#[priced(cents = 1)]
async fn play(mut player: Account<Player>) -> Result<String> {
    player.update(|player| player.points += 1).await?;
    Ok(format!("{} points\n", player.points))
}

#[stripeflare::main]
fn app() -> App<Player> {
    App::new().routes(routes![fill, play])
}
