//! Two releases at once, this one and one that comes after it: for some minutes after a deploy, longer in a gradual one, and
//! after a rollback.

use std::path::{Path, PathBuf};

use anyhow::Result;
use cargo_stripeflare::stripe::PayRequest;
use cargo_stripeflare::workerd::Script;
use reqwest::Method;
use tests::audit::audit_at_rest;
use tests::{Customer, DEADLINE, World, built, next_release};

async fn both() -> Result<[PathBuf; 2]> {
    tokio::task::spawn_blocking(|| Ok([built("tests/worker")?, next_release()?])).await?
}

async fn run(world: &mut World, worker: &Path, objects: &Path) -> Result<()> {
    world.workerd.options_mut().script = Script::Built(worker.into());
    world.workerd.options_mut().objects = Some(Script::Built(objects.into()));
    world.workerd.restart().await?;
    world.reconnect()
}

/// What a customer does in a day, in all for less than was paid; and what all objects say of it in the end.
async fn live(world: &World, customer: &Customer) -> Result<()> {
    let before = world.balance(customer).await;
    for _ in 0..3 {
        assert_eq!(world.get(customer, "/ok").await.status, 200, "{}", world.workerd.log());
    }
    assert_eq!(world.get(customer, "/dynamic?cents=2").await.status, 200);
    let key = before.to_string();
    for replayed in ["", "true"] {
        let request = world.request(Method::GET, "/ok").header("idempotency-key", &key);
        let again = world.send(request.bearer_auth(&customer.token)).await;
        assert_eq!((again.status, again.header("idempotent-replayed").as_str()), (200, replayed));
    }
    world.settled(customer).await;
    assert_eq!(world.balance(customer).await, before - 6.0);
    world.pay(customer, 50).await?;
    assert_eq!(world.balance(customer).await, before + 44.0);
    let newcomer = world.customer(50).await?;
    assert_eq!(world.get(&newcomer, "/ok").await.status, 200);
    // The aggregate and the directory were told by alarms.
    let found = audit_at_rest(world.disk(), DEADLINE).await?;
    assert!(found.is_clean(), "{found}\n{}", world.workerd.log());
    Ok(())
}

/// How many lists of tables the account's object has.
fn lists_of_tables(world: &World, customer: &Customer) -> Result<i64> {
    let sql = world.account_database(customer)?;
    Ok(sql.query_row("SELECT value FROM meta WHERE key = 'tables'", [], |row| row.get(0))?)
}

#[tokio::test]
async fn workers_and_objects_of_two_releases_understand_each_other() -> Result<()> {
    let [this, next] = both().await?;
    let mut world = World::start().await?;
    let customer = world.customer(100).await?;
    live(&world, &customer).await?;
    run(&mut world, &next, &this).await?;
    live(&world, &customer).await?;
    assert_eq!(lists_of_tables(&world, &customer)?, 1);
    run(&mut world, &this, &next).await?;
    live(&world, &customer).await?;
    assert_eq!(lists_of_tables(&world, &customer)?, 2);
    run(&mut world, &next, &next).await?;
    live(&world, &customer).await
}

#[tokio::test]
async fn after_a_rollback_newer_tables_are_left_alone_and_nothing_is_lost() -> Result<()> {
    let [this, next] = both().await?;
    let mut world = World::start().await?;
    let customer = world.customer(100).await?;
    run(&mut world, &next, &next).await?;
    live(&world, &customer).await?;
    let before = world.balance(&customer).await;

    run(&mut world, &this, &this).await?;
    for _ in 0..2 {
        assert_eq!(world.get(&customer, "/ok").await.status, 503);
    }
    let log = world.workerd.log();
    assert!(
        log.contains("version 2 of the tables of the wallet, made by a newer deploy, and this deploy knows 1"),
        "{log}"
    );
    let session = world.stripe.pay(&PayRequest::new(70, &customer.reference)).await?;
    world.webhook_is_refused().await;

    run(&mut world, &next, &next).await?;
    let event = world.stripe.events().into_iter().find(|event| event["data"]["object"]["id"] == session["id"]);
    world.stripe.resend(event.expect("an event")["id"].as_str().unwrap());
    world.stripe.wait_idle(DEADLINE).await?;
    assert_eq!(world.balance(&customer).await, before + 70.0);
    live(&world, &customer).await
}
