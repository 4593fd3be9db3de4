//! New versions of the columns on a disk that has rows of old ones, while customers go on calling.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use cargo_stripeflare::stripe::StandInOptions;
use futures_util::future::join_all;
use futures_util::{StreamExt, stream};
use reqwest::{Client, Method};
use rusqlite::{Connection, OpenFlags};
use tests::{Customer, World};

const FIRST: &str = "tests/columns/first";
const SECOND: &str = "tests/columns/second";
const THIRD: &str = "examples/extended-user";
/// Customers at once that call during a deploy.
const CALLERS: usize = 4;

/// A customer and the games it played: answered, and asked for.
struct Player {
    number: usize,
    customer: Customer,
    answered: AtomicI64,
    asked: AtomicI64,
    handle: Option<String>,
}

async fn player(world: &World, number: usize) -> Result<Player> {
    let answer = world.send(world.request(Method::POST, "/play")).await.json();
    let text = |field: &str| answer[field].as_str().unwrap_or_default().to_owned();
    let reference = text("paymentLink");
    let (_, reference) = reference.split_once("client_reference_id=").context("a payment link")?;
    let customer = Customer { token: text("access_token"), reference: reference.to_owned() };
    world.pay(&customer, 10_000).await?;
    let filled = world.post(&customer, &format!("/fill/{number}"), "").await;
    anyhow::ensure!(filled.status == 200, "{filled:?}");
    let (answered, asked) = (AtomicI64::new(0), AtomicI64::new(0));
    Ok(Player { number, customer, answered, asked, handle: None })
}

async fn filled(world: &World, count: usize) -> Result<Vec<Arc<Player>>> {
    let players = stream::iter(0..count).map(|number| player(world, number)).buffered(8);
    players.map(|player| player.map(Arc::new)).collect::<Vec<_>>().await.into_iter().collect()
}

impl Player {
    /// Plays once; what is not answered may have happened or not.
    async fn play(&self, client: &Client, url: &str) -> bool {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let sent = client.post(url).bearer_auth(&self.customer.token).send().await;
        let answered = sent.is_ok_and(|answer| answer.status() == 200);
        if answered {
            self.answered.fetch_add(1, Ordering::SeqCst);
        }
        answered
    }

    /// The row of this player in a database of version 3.
    fn check(&self, sql: &Connection) -> Result<()> {
        let select = "SELECT plan, score, handle, note, last_played, settings,
            (SELECT group_concat(name) FROM pragma_table_info('users') WHERE name IN ('points', 'referrer')),
            (SELECT group_concat(name) FROM (SELECT name FROM pragma_index_list('users') WHERE origin = 'c' ORDER BY name))
            FROM users WHERE account_id = ?";
        let (plan, score, handle, note, settings, old, indexes) =
            sql.query_row(select, [self.customer.account()], |row| {
                let (plan, score): (String, i64) = (row.get(0)?, row.get(1)?);
                let (handle, note): (Option<String>, Option<String>) = (row.get(2)?, row.get(3)?);
                let (settings, old): (Option<String>, Option<String>) = (row.get(5)?, row.get(6)?);
                Ok((plan, score, handle, note, settings, old, row.get::<_, String>(7)?))
            })?;
        let number = self.number;
        assert_eq!(plan, if number.is_multiple_of(3) { "pro" } else { "free" }, "{number}");
        assert_eq!(note, number.is_multiple_of(2).then(|| format!("sent by friend {number}")), "{number}");
        assert_eq!((handle, settings, old), (self.handle.clone(), None, None), "{number}");
        assert_eq!(indexes, "users_handle,users_plan,users_plan+score", "{number}");
        let (least, most) = (self.answered.load(Ordering::SeqCst), self.asked.load(Ordering::SeqCst));
        assert!(
            score % 10 == 0 && (10 * least..=10 * most).contains(&score),
            "{number}: {score} of {least} to {most} games"
        );
        Ok(())
    }
}

/// Lets some of the players play until it is told to stop; the client outlives a crash.
struct Load {
    stop: Arc<AtomicBool>,
    callers: Vec<tokio::task::JoinHandle<u64>>,
}

impl Load {
    fn on(world: &World, players: &[Arc<Player>]) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let callers = (0..CALLERS).map(|caller| {
            let mine: Vec<_> = players.iter().skip(caller).step_by(CALLERS).cloned().collect();
            let (client, url, stop) = (world.client().clone(), world.address("/play"), Arc::clone(&stop));
            tokio::spawn(async move {
                let mut answered = 0;
                for player in mine.iter().cycle() {
                    if stop.load(Ordering::SeqCst) {
                        break;
                    }
                    match player.play(&client, &url).await {
                        true => answered += 1,
                        // Nobody listens between two deploys.
                        false => tokio::time::sleep(Duration::from_millis(20)).await,
                    }
                }
                answered
            })
        });
        Self { callers: callers.collect(), stop }
    }

    /// How many games were answered.
    async fn end(self) -> u64 {
        self.stop.store(true, Ordering::SeqCst);
        join_all(self.callers).await.into_iter().map(std::result::Result::unwrap_or_default).sum()
    }
}

/// Every account's database, by its id, and the aggregate, once it was told of one.
fn databases(world: &World) -> Result<(BTreeMap<String, Connection>, Option<Connection>)> {
    let (mut accounts, mut aggregate) = (BTreeMap::new(), None);
    for file in world.workerd.object_files()? {
        let sql = Connection::open_with_flags(&file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        if sql.prepare("SELECT 1 FROM all_usage").is_ok() {
            aggregate = Some(sql);
        } else if let Ok(id) = sql.query_row("SELECT account_id FROM users", [], |row| row.get::<_, String>(0)) {
            accounts.insert(id, sql);
        }
    }
    Ok((accounts, aggregate))
}

/// Lets everybody play once on version 3, so that each is brought there, and holds every row against what is known.
async fn every_row_is_right(world: &World, players: &[Arc<Player>]) -> Result<()> {
    let (client, url) = (world.client(), world.address("/play"));
    let played = stream::iter(players).map(|player| player.play(client, &url)).buffered(8).collect::<Vec<_>>().await;
    assert!(played.iter().all(|played| *played), "{}", world.workerd.log());
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let (accounts, aggregate) = databases(world)?;
        let score = |sql: &Connection, player: &Player| {
            sql.query_row("SELECT score FROM users WHERE account_id = ?", [player.customer.account()], |row| {
                row.get::<_, i64>(0)
            })
            .ok()
        };
        let told = |aggregate: &Connection| {
            players.iter().all(|player| {
                accounts.get(player.customer.account()).and_then(|sql| score(sql, player)) == score(aggregate, player)
            })
        };
        if let Some(aggregate) = aggregate.filter(told) {
            for player in players {
                let account = accounts.get(player.customer.account()).context("an account")?;
                player.check(account).context("in the account")?;
                player.check(&aggregate).context("in the aggregate")?;
            }
            return Ok(());
        }
        assert!(Instant::now() < deadline, "the aggregate follows\n{}", world.workerd.log());
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Until so many of the accounts have their table in a version.
async fn reached(world: &World, version: i64, share: usize) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let (accounts, _) = databases(world)?;
        let has = |sql: &Connection| {
            sql.query_row("SELECT value FROM meta WHERE key = 'columns'", [], |row| row.get::<_, i64>(0))
                .is_ok_and(|had| had >= version)
        };
        if accounts.values().filter(|sql| has(sql)).count() >= share {
            return Ok(());
        }
        assert!(Instant::now() < deadline, "version {version} is reached\n{}", world.workerd.log());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn two_hundred_accounts_go_through_three_versions_under_load_and_a_crash() -> Result<()> {
    let mut world = World::of(FIRST, StandInOptions::default(), &[]).await?;
    let mut players = filled(&world, 200).await?;
    let load = Load::on(&world, &players[..150]);
    tokio::time::sleep(Duration::from_secs(1)).await;

    world.deploy(SECOND).await?;
    // While some are of version 2 and some of version 1, everything stops.
    reached(&world, 2, 20).await?;
    world.workerd.kill9().await?;
    world.workerd.restart().await?;
    reached(&world, 2, 100).await?;
    assert!(load.end().await > 100);
    for number in (0..200).step_by(10) {
        let handle = format!("player-{number}");
        let player = Arc::get_mut(&mut players[number]).context("nobody plays")?;
        let answer = world.post(&player.customer, &format!("/handle/{handle}"), "").await;
        assert_eq!(answer.status, 200, "{answer:?}");
        player.handle = Some(handle);
    }

    let load = Load::on(&world, &players[..150]);
    tokio::time::sleep(Duration::from_millis(500)).await;
    world.deploy(THIRD).await?;
    reached(&world, 3, 100).await?;
    assert!(load.end().await > 50);
    // The last fifty come from version 1 straight to 3, but for those with a handle.
    every_row_is_right(&world, &players).await?;
    let best = world.visit("/best").await.json();
    assert_eq!(best.as_array().map(Vec::len), Some(10), "{best}");
    Ok(())
}

#[tokio::test]
async fn version_one_goes_straight_to_three() -> Result<()> {
    let mut world = World::of(FIRST, StandInOptions::default(), &[]).await?;
    let players = filled(&world, 30).await?;
    let load = Load::on(&world, &players);
    tokio::time::sleep(Duration::from_millis(500)).await;
    world.deploy(THIRD).await?;
    reached(&world, 3, 20).await?;
    load.end().await;
    every_row_is_right(&world, &players).await
}

#[tokio::test]
async fn a_migration_that_fails_leaves_all_as_it_was_and_says_why() -> Result<()> {
    let mut world = World::of(THIRD, StandInOptions::default(), &[]).await?;
    let answer = world.send(world.request(Method::POST, "/play")).await.json();
    let reference = answer["paymentLink"].as_str().and_then(|link| link.split_once("client_reference_id="));
    let (_, reference) = reference.context("a payment link")?;
    let token = answer["access_token"].as_str().context("a token")?.to_owned();
    let customer = Customer { token, reference: reference.to_owned() };
    world.pay(&customer, 500).await?;
    assert_eq!(world.post(&customer, "/play", "").await.body, "10 points\n");

    world.deploy("tests/columns/broken").await?;
    for _ in 0..2 {
        let answer = world.post(&customer, "/play", "").await;
        assert_eq!((answer.status, answer.json()["error"].as_str()), (503, Some("unavailable")), "{answer:?}");
    }
    let log = world.workerd.log();
    assert!(
        log.contains("version 4 of the columns of `StripeUser` failed")
            && log.contains("no such column: no_such_column"),
        "{log}"
    );

    // A deploy before that: it leaves alone what a newer one made, and says so.
    world.deploy(SECOND).await?;
    assert_eq!(world.post(&customer, "/play", "").await.status, 503);
    let log = world.workerd.log();
    assert!(log.contains("made by a newer deploy, and this deploy knows 2"), "{log}");

    world.deploy(THIRD).await?;
    assert_eq!(world.post(&customer, "/play", "").await.body, "20 points\n");
    Ok(())
}
