//! A disk that is full, a database that is locked or refuses a statement: calls are answered 503, nothing is half done,
//! and what was answered before is charged when it is over.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use cargo_stripeflare::stripe::PayRequest;
use futures_util::future::{join, join_all};
use reqwest::Method;
use rusqlite::Connection;
use tests::audit::{Figures, audit, audit_at_rest};
use tests::{Customer, DB_SECRET, DEADLINE, Reply, World};

/// Lets no file of the worker grow past so many bytes.
#[cfg(target_os = "linux")]
fn limit_files(world: &World, bytes: &str) -> Result<()> {
    let pid = world.workerd.pid().context("it runs")?;
    let limit = format!("--fsize={bytes}:unlimited");
    let status = std::process::Command::new("prlimit").args([format!("--pid={pid}"), limit]).status()?;
    anyhow::ensure!(status.success(), "prlimit: {status}");
    Ok(())
}

/// A second connection to the account's database.
pub(crate) fn intruder(world: &World, customer: &Customer) -> Result<Connection> {
    let file = world.account_database(customer)?.path().context("a file")?.to_owned();
    let sql = Connection::open(file)?;
    sql.busy_timeout(DEADLINE)?;
    Ok(sql)
}

async fn refused(reply: Reply) {
    assert_eq!((reply.status, &reply.json()["error"]), (503, &"unavailable".into()), "{reply:?}");
    assert_eq!(reply.header("retry-after"), "1");
}

/// When all is over.
async fn at_rest(world: &World, customer: &Customer) -> Result<Figures> {
    world.settled(customer).await;
    let found = audit_at_rest(world.disk(), DEADLINE * 2).await?;
    assert!(found.is_clean(), "{found}");
    Ok(found.accounts[customer.account()].clone())
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_disk_that_is_full_refuses_calls_until_there_is_room() -> Result<()> {
    // Processes inherit that a signal is ignored; this one would end them.
    // SAFETY: no handler is installed.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
    let world = World::start().await?;
    let customer = world.customer(10_000).await?;
    limit_files(&world, "150000")?;
    let (begun, mut answered) = (std::time::Instant::now(), 0);
    let last = loop {
        let replies = join_all((0..16).map(|_| world.get(&customer, "/ok"))).await;
        answered += replies.iter().filter(|reply| reply.status == 200).count();
        if let Some(refused) = replies.into_iter().find(|reply| reply.status != 200) {
            break refused;
        }
        anyhow::ensure!(begun.elapsed() < DEADLINE, "it never gets full");
    };
    refused(last).await;
    limit_files(&world, "unlimited")?;
    assert_eq!(world.get(&customer, "/ok").await.status, 200);
    println!("{answered} calls until the disk was full");
    assert_eq!(at_rest(&world, &customer).await?.count("capture"), answered + 1);
    Ok(())
}

#[tokio::test]
async fn a_database_that_is_locked_refuses_calls_and_webhooks_and_captures_are_tried_again() -> Result<()> {
    let world = World::start().await?;
    let customer = world.customer(100).await?;
    assert_eq!(world.get(&customer, "/ok").await.status, 200);
    world.settled(&customer).await;
    let sql = intruder(&world, &customer)?;
    let locked = async {
        while audit(world.disk())?.accounts[customer.account()].open.is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        sql.execute_batch("BEGIN IMMEDIATE")?;
        world.stripe.pay(&PayRequest::new(50, &customer.reference)).await?;
        for path in ["/dynamic?cents=1", "/counted?use=1"] {
            refused(world.get(&customer, path).await).await;
        }
        let keyed = || {
            let request = world.request(Method::GET, "/ok").header("idempotency-key", "k");
            world.send(request.bearer_auth(&customer.token))
        };
        refused(keyed().await).await;
        // The handler that ran already has been answered, and its capture fails meanwhile.
        tokio::time::sleep(Duration::from_millis(2_500)).await;
        // Short calls write nothing themselves, and are refused since what was to be written could not be.
        refused(world.get(&customer, "/ok").await).await;
        let held = audit(world.disk())?.accounts[customer.account()].clone();
        assert_eq!((held.open.len(), held.charged, held.credited), (1, 10_000, 1_000_000));
        sql.execute_batch("ROLLBACK")?;
        assert_eq!(keyed().await.status, 200, "the key was never taken");
        anyhow::Ok(())
    };
    let (before, locked) = join(world.get(&customer, "/slow?ms=1500"), locked).await;
    locked?;
    assert_eq!(before.status, 200);
    world.stripe.wait_idle(DEADLINE).await?;
    let account = at_rest(&world, &customer).await?;
    assert_eq!((account.count("capture"), account.credited, account.balance), (3, 1_500_000, 1_470_000));
    Ok(())
}

#[tokio::test]
async fn a_statement_that_fails_takes_back_those_before_it() -> Result<()> {
    let world = World::start().await?;
    let customer = world.customer(100).await?;
    assert_eq!(world.get(&customer, "/ok").await.status, 200);
    world.settled(&customer).await;
    let sql = intruder(&world, &customer)?;
    // The entry is written first.
    sql.execute_batch(
        "CREATE TRIGGER fails BEFORE UPDATE OF balance ON users BEGIN SELECT RAISE(ABORT, 'on purpose'); END",
    )?;
    refused(world.get(&customer, "/dynamic?cents=1").await).await;
    assert!(world.workerd.log().contains("on purpose"));
    // A short call writes nothing itself. Its capture cannot be written, and then no other call is served.
    assert_eq!(world.get(&customer, "/ok").await.status, 200);
    let noticed = async {
        while !world.workerd.log().contains("could not be written yet") {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(DEADLINE, noticed).await.expect("the group fails");
    for path in ["/dynamic?cents=1", "/ok"] {
        refused(world.get(&customer, path).await).await;
    }
    let account = &audit(world.disk())?.accounts[customer.account()];
    assert_eq!((account.charged, account.count("charge"), account.open.len()), (10_000, 0, 0));
    sql.execute_batch("DROP TRIGGER fails")?;
    assert_eq!(world.get(&customer, "/dynamic?cents=1").await.status, 200);
    let account = at_rest(&world, &customer).await?;
    assert_eq!((account.count("capture"), account.count("charge"), account.balance), (2, 1, 970_000));
    Ok(())
}

#[tokio::test]
async fn a_stream_whose_hold_cannot_be_renewed_breaks_off_and_is_charged_when_it_can() -> Result<()> {
    let world = World::start().await?;
    let customer = world.customer(100).await?;
    let sql = intruder(&world, &customer)?;
    let request = world.request(Method::GET, "/stream?chunks=1000&ms=100&cents=0.05").bearer_auth(&customer.token);
    let mut response = request.send().await?;
    response.chunk().await?;
    sql.execute_batch("BEGIN IMMEDIATE")?;
    let mut events = 1;
    while let Ok(Some(chunk)) = tokio::time::timeout(DEADLINE, response.chunk()).await.context("it ends")? {
        events += String::from_utf8_lossy(&chunk).matches("data:").count();
    }
    assert!((10..60).contains(&events), "two seconds of it were held, and {events} events came");
    sql.execute_batch("ROLLBACK")?;
    let account = at_rest(&world, &customer).await?;
    println!("{events} events came, {} ten-thousandths of a cent were charged", account.charged);
    let metered = account.charged / 500;
    assert_eq!((account.count("capture"), account.charged % 500), (1, 0));
    // What was metered and not yet sent is two events at most.
    assert!((0..=2).contains(&(metered - events as i64)), "{metered} were metered, {events} came");
    Ok(())
}

/// Makes an object's file as large as this, of pages that were never written: they take no room on the disk.
fn enlarge(path: &Path, bytes: u64) -> Result<()> {
    let sql = Connection::open(path)?;
    sql.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    let page: u32 = sql.query_row("PRAGMA page_size", [], |row| row.get(0))?;
    let page = u64::from(page);
    drop(sql);
    let pages = bytes / page;
    let file = File::options().write(true).open(path)?;
    file.set_len(pages * page)?;
    // The header says how many pages there are.
    file.write_all_at(&u32::try_from(pages)?.to_be_bytes(), 28)?;
    Ok(())
}

#[tokio::test]
async fn an_account_near_the_limit_of_its_object_is_refused_calls_and_takes_payments() -> Result<()> {
    let mut world = World::start().await?;
    let (customer, other) = (world.customer(50).await?, world.customer(50).await?);
    audit_at_rest(world.disk(), DEADLINE).await?;
    let path = world.account_database(&customer)?.path().map(PathBuf::from).context("a file")?;
    world.workerd.kill9().await?;
    enlarge(&path, 9_600_000_000)?;
    world.workerd.restart().await?;
    for path in ["/ok", "/metered?use=1", "/dynamic?cents=1"] {
        let refused = world.get(&customer, path).await;
        assert_eq!((refused.status, refused.json()["error"].as_str()), (507, Some("account_full")), "{refused:?}");
    }
    assert_eq!(world.get(&other, "/ok").await.status, 200, "nobody else is");
    world.pay(&customer, 100).await?;
    assert_eq!(world.balance(&customer).await, 150.0);
    let shown = async {
        loop {
            let sql = "/db/admin-readonly?format=json&sql=SELECT+account_id+FROM+users+WHERE+is_full+%3D+1";
            let panel = world.request(Method::GET, sql).basic_auth("admin-readonly", Some(DB_SECRET));
            if world.send(panel).await.body.contains(customer.account()) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(DEADLINE, shown).await.expect("the operator sees it");
    assert!(world.workerd.log().contains("stores nearly as much as it may"));
    Ok(())
}
