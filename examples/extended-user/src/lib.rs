//! Columns of your own that grew over three versions: every row of an earlier one is brought here when it is next used.
//!
//! `cargo stripeflare schema sql` prints what each version does to the table, and `stripeflare.schema.json` holds what was
//! released: change one of those versions here, and it does not compile.

use serde::{Deserialize, Serialize};
use stripeflare::axum::Extension;
use stripeflare::prelude::*;
use stripeflare::worker::{Env, ScheduledEvent};
use stripeflare::{FoundUser, Users};

/// A player.
///
/// Version 1 had a `plan`, `points` and a `referrer`. Version 2 called the points `score`, counted ten times as fine, and
/// added a `handle`. Version 3 added what follows, kept the referrer in a note and dropped it.
#[derive(StripeUser)]
#[stripe_user(migration(version = 2, sql = "UPDATE users SET score = score * 10"))]
#[stripe_user(
    migration(version = 3, sql = "UPDATE users SET note = 'sent by ' || referrer WHERE referrer IS NOT NULL"),
    dropped(name = "referrer", since = 3),
    index(columns = [plan, score], since = 3)
)]
pub struct Player {
    /// A `String` in version 1: an enum is stored as the same text.
    #[column(default = "free", index, public)]
    plan: Plan,
    #[column(since = 2, renamed_from = "points", public)]
    score: i64,
    #[column(since = 2, unique, public)]
    handle: Option<String>,
    #[column(since = 3)]
    note: Option<String>,
    #[column(since = 3)]
    last_played: Option<Timestamp>,
    #[column(since = 3, json)]
    settings: Option<Settings>,
}

/// What a player pays for.
#[derive(ColumnEnum, Serialize, Deserialize, Clone, Copy, Debug, PartialEq)]
#[serde(rename_all = "snake_case")]
pub enum Plan {
    /// Nothing.
    Free,
    /// A good deal.
    Pro,
}

/// What a player set.
#[derive(Serialize, Deserialize, Clone, Debug)]
pub struct Settings {
    sound: bool,
}

/// What a player sees and changes of it.
#[derive(Serialize, Deserialize)]
struct Profile {
    handle: Option<String>,
    settings: Option<Settings>,
}

/// A line of the table of the best.
#[derive(Serialize)]
struct Line {
    handle: String,
    score: i64,
}

#[get("/profile")]
async fn profile(player: Account<Player>) -> Json<Profile> {
    Json(Profile { handle: player.handle.clone(), settings: player.settings.clone() })
}

/// A handle that somebody else has is answered with 409.
#[post("/profile")]
async fn change_profile(mut player: Account<Player>, Json(new): Json<Profile>) -> Result<StatusCode> {
    player
        .update(|player| {
            player.handle = new.handle.clone();
            player.settings = new.settings.clone();
        })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Plays, for a cent. Of two games at once none is lost.
#[post("/play")]
#[priced(cents = 1)]
async fn play(mut player: Account<Player>) -> Result<String> {
    let now = Timestamp::now();
    player
        .update(|player| {
            player.score += 10;
            player.last_played = Some(now);
        })
        .await?;
    Ok(format!("{} points\n", player.score))
}

/// The ten best of those who have a handle.
#[get("/best")]
async fn best(Extension(env): Extension<Env>) -> Result<Json<Vec<Line>>> {
    let mut players = Users::find(Player::handle.is_some()).order_by(Player::score.desc()).limit(10).stream(&env);
    let mut lines = Vec::new();
    while let Some(player) = players.next().await? {
        lines.push(Line { handle: player.handle.clone().unwrap_or_default(), score: player.score });
    }
    Ok(Json(lines))
}

/// By a cron trigger: lists whom to thank.
async fn weekly(_event: ScheduledEvent, env: Env) -> Result<()> {
    let faithful = Player::plan.eq(Plan::Pro).and(Users::balance.lt(Cents::new(100)));
    let mut players = Users::find(faithful).stream(&env);
    while let Some(player) = players.next().await? {
        thank(&player);
    }
    Ok(())
}

fn thank(player: &FoundUser<Player>) {
    stripeflare::worker::console_log!("{} has {} points: {:?}", player.id(), player.score, player.note);
}

#[stripeflare::main]
fn app() -> App<Player> {
    App::new().routes(routes![profile, change_profile, play, best]).scheduled(weekly)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use stripeflare::testing::TestApp;

    use super::*;

    #[test]
    fn games_cost_a_cent_and_the_best_are_listed() {
        let app = TestApp::new(app());
        let (ada, bob) = (app.account().with_balance(cents!(2)), app.account().with_balance(cents!(2)));
        let name = |player: &stripeflare::testing::TestAccount<'_>, handle: &str| {
            let profile = Profile { handle: Some(handle.to_owned()), settings: None };
            app.post("/profile").by(player).json(&profile).send().status()
        };
        assert_eq!(name(&ada, "ada"), StatusCode::NO_CONTENT);
        assert_eq!(name(&bob, "ada"), StatusCode::CONFLICT);
        assert_eq!(name(&bob, "bob"), StatusCode::NO_CONTENT);

        let play = |player| app.post("/play").by(player).send();
        assert_eq!(play(&bob).charged(), cents!(1));
        assert_eq!(play(&ada).text(), "10 points\n");
        assert_eq!(play(&ada).text(), "20 points\n");
        assert_eq!(play(&ada).status(), StatusCode::PAYMENT_REQUIRED);
        assert_eq!(ada.columns::<Player>().score, 20);

        app.advance(Duration::from_secs(5));
        let best: serde_json::Value = app.get("/best").send().json();
        assert_eq!((&best[0]["handle"], &best[1]["handle"]), (&"ada".into(), &"bob".into()), "{best}");
    }
}
