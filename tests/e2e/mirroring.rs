//! The aggregate: what happens on an account is there soon after, whatever fails on the way.

use std::time::Duration;

use anyhow::Result;
use rusqlite::{Connection, OpenFlags};
use serde_json::json;
use tests::audit::audit_at_rest;
use tests::{Customer, DEADLINE, World};

/// The issue of the day: from the account to the aggregate in so long.
const SOON: Duration = Duration::from_secs(5);

fn aggregate(world: &World) -> Option<Connection> {
    open(world, "all_usage", OpenFlags::SQLITE_OPEN_READ_ONLY)
}

/// The object that has this table.
fn open(world: &World, table: &str, flags: OpenFlags) -> Option<Connection> {
    let files = world.workerd.object_files().ok()?;
    files.iter().find_map(|file| {
        let sql = Connection::open_with_flags(file, flags).ok()?;
        let found = sql.prepare(&format!("SELECT 1 FROM {table}")).is_ok();
        found.then_some(sql)
    })
}

/// Balance, calls and their cost, as the aggregate has them; amounts in ten-thousandths of a cent.
fn mirrored(world: &World, customer: &Customer) -> Option<(i64, i64, i64)> {
    let select = "SELECT balance, (SELECT COALESCE(SUM(calls), 0) FROM all_usage WHERE account_id = ?1),
        (SELECT COALESCE(SUM(amount), 0) FROM all_usage WHERE account_id = ?1) FROM users WHERE account_id = ?1";
    let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
    aggregate(world)?.query_row(select, [customer.account()], row).ok()
}

async fn becomes(world: &World, customer: &Customer, wanted: (i64, i64, i64), within: Duration) {
    let wait = async {
        while mirrored(world, customer) != Some(wanted) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let found = tokio::time::timeout(within, wait).await;
    assert!(found.is_ok(), "{wanted:?} is wanted, {:?} is there\n{}", mirrored(world, customer), world.workerd.log());
}

#[tokio::test]
async fn charges_and_payments_reach_the_aggregate_soon_and_together() -> Result<()> {
    let world = World::start().await?;
    let customer = world.customer(500).await?;
    becomes(&world, &customer, (5_000_000, 0, 0), SOON).await;
    for _ in 0..100 {
        world.get(&customer, "/ok").await;
    }
    world.get(&customer, "/fraction").await;
    becomes(&world, &customer, (3_997_500, 101, 1_002_500), SOON).await;
    let sql = aggregate(&world).unwrap();
    let paid: (String, i64) =
        sql.query_row("SELECT account_id, amount FROM all_payments", [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    assert_eq!(paid, (customer.account().to_owned(), 5_000_000));
    let tier: String = sql.query_row("SELECT tier FROM users", [], |row| row.get(0))?;
    assert_eq!(tier, "free", "with the owner's columns");
    Ok(())
}

#[tokio::test]
async fn what_was_not_told_before_a_crash_is_told_after_it() -> Result<()> {
    let mut world = World::start().await?;
    let customer = world.customer(500).await?;
    for _ in 0..10 {
        world.get(&customer, "/ok").await;
    }
    world.settled(&customer).await;
    world.workerd.kill9().await?;
    world.workerd.restart().await?;
    becomes(&world, &customer, (4_900_000, 10, 100_000), SOON * 2).await;
    Ok(())
}

#[tokio::test]
async fn a_dead_aggregate_keeps_nobody_waiting_and_hears_of_all_when_it_is_back() -> Result<()> {
    let world = World::start().await?;
    let customer = world.customer(500).await?;
    becomes(&world, &customer, (5_000_000, 0, 0), SOON).await;

    let lock = open(&world, "all_usage", OpenFlags::SQLITE_OPEN_READ_WRITE).unwrap();
    lock.execute_batch("BEGIN EXCLUSIVE")?;
    for _ in 0..10 {
        assert_eq!(world.get(&customer, "/ok").await.status, 200);
    }
    world.pay(&customer, 100).await?;
    assert_eq!(world.balance(&customer).await, 590.0, "payments and calls do not need it");
    let failed = |times: usize| {
        let log = world.workerd.log();
        log.matches("mirror failed").count() >= times
    };
    let wait = async {
        while !failed(2) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let waited = tokio::time::timeout(DEADLINE, wait).await;
    assert!(waited.is_ok(), "{}", world.workerd.log());
    assert_eq!(world.get(&customer, "/ok").await.status, 200);
    lock.execute_batch("ROLLBACK")?;
    drop(lock);
    becomes(&world, &customer, (5_890_000, 11, 110_000), DEADLINE).await;
    let found = audit_at_rest(world.disk(), DEADLINE).await?;
    assert!(found.is_clean(), "{found}");
    Ok(())
}

#[tokio::test]
async fn old_captures_are_folded_by_the_alarm() -> Result<()> {
    let mut world = World::start().await?;
    let customer = world.customer(500).await?;
    for _ in 0..10 {
        world.get(&customer, "/ok").await;
        world.get(&customer, "/fraction").await;
    }
    becomes(&world, &customer, (4_875_000, 20, 125_000), SOON).await;
    world.settled(&customer).await;
    let page = world.get(&customer, "/me/entries?limit=5").await.json();
    world.workerd.kill9().await?;
    let days = 100;
    let account = open(&world, "entries", OpenFlags::SQLITE_OPEN_READ_WRITE).unwrap();
    account.execute_batch(&format!(
        "UPDATE keyed_entries SET at = at - {days} * 86400000, place = place - {days} * 86400000 * 1024;
        UPDATE entry_groups SET place = place - {days} * 86400000 * 1024;
        UPDATE users SET usage = x'0100'"
    ))?;
    drop(account);
    let aggregate = open(&world, "all_usage", OpenFlags::SQLITE_OPEN_READ_WRITE).unwrap();
    aggregate.execute_batch(&format!("UPDATE all_usage SET day = day - {days}"))?;
    drop(aggregate);
    world.workerd.restart().await?;
    world.get(&customer, "/ok").await;
    // Of so long ago the aggregate knows what all accounts did together.
    becomes(&world, &customer, (4_865_000, 1, 10_000), SOON).await;
    let aggregate = open(&world, "all_usage", OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let sum = "SELECT SUM(calls), SUM(amount) FROM old_usage";
    let folded: (i64, i64) = aggregate.query_row(sum, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    assert_eq!(folded, (20, 125_000));
    let found = audit_at_rest(world.disk(), DEADLINE).await?;
    assert!(found.is_clean(), "{found}");
    let account = &found.accounts[customer.account()];
    assert_eq!((account.count("fold"), account.count("capture")), (2, 1));
    assert_eq!(world.balance(&customer).await, 486.5);

    let lines = world.get(&customer, "/me/entries").await.json();
    let said = |number: usize| {
        let line = &lines["entries"][number];
        (
            line["kind"].clone(),
            line["label"].clone(),
            line["calls"].clone(),
            line["amount"].clone(),
            line["balance"].clone(),
        )
    };
    let expected = [("GET /ok", json!(-10)), ("GET /fraction", json!(-2.5))];
    let expected = expected.map(|(label, amount)| (json!("fold"), json!(label), json!(10), amount, json!(null)));
    assert_eq!([said(2), said(3)], expected, "{lines}");
    let account = world.get(&customer, "/account").await.body;
    assert!(account.contains("10 × GET /fraction"), "{account}");
    // Where somebody was in the midst of that day.
    let next = page["next"].as_str().unwrap();
    let place = next.split_once("before=").unwrap().1.split('.').next().unwrap();
    let then = place.parse::<i64>()? - days * 86_400_000 * 1_024;
    let gone = world.get(&customer, &next.replace(place, &then.to_string())).await;
    assert_eq!((gone.status, gone.json()["error"].as_str()), (410, Some("statement_folded")), "{gone:?}");
    Ok(())
}
