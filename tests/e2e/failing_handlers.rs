//! Handlers that fail cost nothing, and harm nobody else.

use anyhow::Result;
use futures_util::future::{join, join_all};
use tests::World;

#[tokio::test]
async fn errors_cost_nothing() -> Result<()> {
    let world = World::start().await?;
    let customer = world.customer(50).await?;
    for path in ["/error", "/err", "/panic", "/exception"] {
        let reply = world.get(&customer, path).await;
        assert_eq!(reply.status, 500, "{path}");
        assert!(!reply.body.contains("not a number"), "causes go to the log, not to callers");
        if !["/panic", "/exception"].contains(&path) {
            assert_eq!((reply.header("x-price"), reply.header("x-balance")), ("0".into(), "50".into()), "{path}");
        }
    }
    assert!(world.workerd.log().contains("invalid digit"), "the cause of an Err is in the log");
    world.settled(&customer).await;
    assert_eq!(world.balance(&customer).await, 50.0);
    Ok(())
}

#[tokio::test]
async fn bad_json_costs_nothing_and_asks_no_object() -> Result<()> {
    let world = World::start().await?;
    let customer = world.customer(50).await?;
    let (before, _) = world.stats(&customer).await;
    for (body, status) in [("{", 400), ("", 400), (r#"{"text":1}"#, 422), ("[]", 422)] {
        assert_eq!(world.post(&customer, "/echo", body).await.status, status, "{body}");
    }
    let (after, _) = world.stats(&customer).await;
    assert_eq!(after, before);
    assert_eq!(world.post(&customer, "/echo", r#"{"text":"a"}"#).await.header("x-balance"), "49");
    Ok(())
}

#[tokio::test]
async fn a_panic_harms_no_request_in_flight() -> Result<()> {
    let world = World::start().await?;
    let customer = world.customer(1_000).await?;
    let slow = join_all((0..20).map(|_| world.get(&customer, "/slow?ms=400")));
    let panics =
        join_all((0..20).map(|index| world.get(&customer, if index % 2 == 0 { "/panic" } else { "/exception" })));
    let (slow, panics) = join(slow, panics).await;
    assert!(panics.iter().all(|reply| reply.status == 500));
    assert!(slow.iter().all(|reply| (reply.status, reply.body.as_str()) == (200, "slow")));
    world.settled(&customer).await;
    assert_eq!(world.balance(&customer).await, 980.0);
    Ok(())
}

#[tokio::test]
async fn after_an_abort_handlers_and_objects_go_on_in_a_new_instance() -> Result<()> {
    let world = World::start().await?;
    let customer = world.customer(100).await?;
    for round in 1..=3 {
        assert_eq!(world.visit("/abort").await.status, 500, "{round}");
        assert_eq!(world.get(&customer, "/ok").await.status, 200, "{round}");
        // An abort loses what its instance has yet to tell the object; the hold's expiry makes up for that, but late.
        world.settled(&customer).await;
    }
    assert_eq!(world.balance(&customer).await, 97.0);
    Ok(())
}
