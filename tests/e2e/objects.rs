//! What reaches a Durable Object, and what it writes.

use std::time::Duration;

use anyhow::Result;
use tests::World;

#[tokio::test]
async fn a_priced_call_is_one_command_and_few_rows() -> Result<()> {
    let world = World::start().await?;
    let customer = world.customer(1_100).await?;
    world.get(&customer, "/ok").await;
    world.settled(&customer).await;

    let before = world.stats(&customer).await;
    world.get(&customer, "/ok").await;
    world.settled(&customer).await;
    let lone = world.stats(&customer).await;
    assert_eq!(lone.0 - before.0, 2, "a lone call: the reserve, and its capture a moment after the answer");
    assert_eq!(lone.1 - before.1, 2, "rows written by a lone call: nothing by the reserve");

    // On a machine that has other things to do, calls come one by one: the best of some rounds is what counts.
    const CALLS: u64 = 200;
    let mut best = (u64::MAX, u64::MAX);
    for _ in 0..5 {
        world.settled(&customer).await;
        let before = world.stats(&customer).await;
        let replies = futures_util::future::join_all((0..CALLS).map(|_| world.get(&customer, "/ok"))).await;
        assert!(replies.iter().all(|reply| reply.status == 200));
        world.settled(&customer).await;
        let busy = world.stats(&customer).await;
        let (commands, rows) = (busy.0 - before.0, busy.1 - before.1);
        println!("{CALLS} calls at once: {commands} commands, {rows} rows written");
        best = (best.0.min(commands), best.1.min(rows));
    }
    assert!(best.0 <= CALLS + CALLS / 20, "captures ride on the next reserve: {} commands", best.0);
    // Those of 20 ms have one row together, beside the account's own.
    assert!(best.1 * 10 <= CALLS * 3, "{} rows", best.1);
    Ok(())
}

#[tokio::test]
async fn a_visitor_touches_no_object() -> Result<()> {
    let world = World::start().await?;
    let objects = || -> Result<usize> {
        Ok(world.workerd.object_files()?.iter().filter(|file| !file.ends_with("metadata.sqlite")).count())
    };
    for path in ["/free", "/ok", "/me", "/whoami", "/dynamic?cents=1", "/missing"] {
        world.visit(path).await;
    }
    assert_eq!(objects()?, 0);
    for _ in 0..2 {
        assert_eq!(world.visit("/topup").await.status, 303);
        assert_eq!(objects()?, 1, "the shard that knows whether payments are possible");
    }
    Ok(())
}

#[tokio::test]
async fn who_never_paid_leaves_no_table_no_row_and_no_alarm() -> Result<()> {
    let world = World::start().await?;
    let stranger = world.newcomer().await;
    for path in ["/ok", "/me", "/whoami", "/dynamic?cents=1", "/row"] {
        world.get(&stranger, path).await;
    }
    world.post(&stranger, "/charge?cents=1", "").await;
    let files: Vec<_> =
        world.workerd.object_files()?.into_iter().filter(|file| !file.ends_with("metadata.sqlite")).collect();
    assert_eq!(files.len(), 1, "the object was asked");
    let sql = rusqlite::Connection::open_with_flags(&files[0], rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let tables: i64 = sql.query_row("SELECT COUNT(*) FROM sqlite_master", [], |row| row.get(0))?;
    assert_eq!(tables, 0);
    for file in [&files[0], &world.workerd.objects_dir().join("metadata.sqlite")] {
        let Ok(sql) = rusqlite::Connection::open_with_flags(file, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY) else {
            continue;
        };
        let alarms: i64 = sql.query_row("SELECT COUNT(*) FROM _cf_ALARM", [], |row| row.get(0)).unwrap_or(0);
        assert_eq!(alarms, 0);
    }
    Ok(())
}

#[tokio::test]
async fn an_evicted_object_wakes_up_as_it_was() -> Result<()> {
    let world = World::start().await?;
    let customer = world.customer(50).await?;
    world.get(&customer, "/ok").await;
    world.settled(&customer).await;
    // workerd evicts an object ten seconds after its last request, alarm or timer; its counters start anew then. Asking it
    // would keep it awake, so there is no condition to wait for.
    tokio::time::sleep(Duration::from_secs(18)).await;
    assert_eq!(world.stats(&customer).await, (0, 0), "it was evicted");
    assert_eq!(world.get(&customer, "/ok").await.header("x-balance"), "48");
    Ok(())
}

/// Nobody gets rid of what is held by waiting until the object sleeps.
#[tokio::test]
async fn of_long_calls_eleven_seconds_apart_on_a_balance_for_one_one_is_served() -> Result<()> {
    let world = World::start().await?;
    let customer = world.customer(50).await?;
    for _ in 0..49 {
        assert_eq!(world.get(&customer, "/ok").await.status, 200);
    }
    world.settled(&customer).await;
    // The aggregate is told by then.
    tokio::time::sleep(Duration::from_secs(6)).await;
    let later = |call: u64| {
        let (world, customer) = (&world, &customer);
        async move {
            tokio::time::sleep(Duration::from_secs(call * 12)).await;
            let status = world.get(customer, "/slow?ms=28000").await.status;
            (status, world.stats(customer).await.0)
        }
    };
    let calls = futures_util::future::join_all((0..3).map(later)).await;
    assert_eq!(calls[1], (429, 1), "the object was evicted, and this is the first that it hears");
    assert_eq!((calls[0].0, calls[2].0), (200, 429));
    world.settled(&customer).await;
    assert_eq!(world.balance(&customer).await, 0.0);
    Ok(())
}
