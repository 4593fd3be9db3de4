//! The aggregate: what happens on an account is there soon after, whatever fails on the way.

use std::time::Duration;

use anyhow::Result;
use rusqlite::{Connection, OpenFlags};
use tests::{Customer, World};

/// The issue of the day: from the account to the aggregate in so long.
const SOON: Duration = Duration::from_secs(5);

fn aggregate(world: &World) -> Option<Connection> {
    let files = world.workerd.object_files().ok()?;
    files.iter().find_map(|file| {
        let sql = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY).ok()?;
        let found = sql.prepare("SELECT 1 FROM all_usage").is_ok();
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
