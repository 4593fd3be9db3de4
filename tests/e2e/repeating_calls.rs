//! `Idempotency-Key`: one key, one charge.

use anyhow::Result;
use futures_util::future::join;
use reqwest::Method;
use tests::{Customer, Reply, World};

async fn call(world: &World, customer: &Customer, key: &str, path: &str) -> Reply {
    let request = world.request(Method::GET, path).bearer_auth(&customer.token);
    world.send(request.header("idempotency-key", key)).await
}

async fn echo(world: &World, customer: &Customer, key: &str, text: &str) -> Reply {
    let request = world.request(Method::POST, "/echo").bearer_auth(&customer.token).header("idempotency-key", key);
    let body = format!("{{\"text\":\"{text}\"}}");
    world.send(request.header("content-type", "application/json").body(body)).await
}

#[tokio::test]
async fn the_same_call_again_is_answered_alike_and_charged_once() -> Result<()> {
    let world = World::start().await?;
    let (customer, other) = (world.customer(50).await?, world.customer(50).await?);
    let first = echo(&world, &customer, "key", "a").await;
    assert_eq!(
        (first.status, first.header("x-balance"), first.header("idempotent-replayed")),
        (200, "49".into(), String::new())
    );
    assert_eq!(world.balance(&customer).await, 49.0, "charged before it was answered");
    for _ in 0..3 {
        let again = echo(&world, &customer, "key", "a").await;
        assert_eq!((again.status, &again.body, again.header("idempotent-replayed")), (200, &first.body, "true".into()));
        assert_eq!((again.header("content-type"), again.header("x-price")), (first.header("content-type"), "1".into()));
    }
    assert_eq!(echo(&world, &customer, "another", "a").await.header("x-balance"), "48");
    assert_eq!(echo(&world, &other, "key", "a").await.header("x-balance"), "49", "a key belongs to its account");
    assert_eq!(world.balance(&customer).await, 48.0);
    Ok(())
}

#[tokio::test]
async fn a_key_with_another_call_is_refused() -> Result<()> {
    let world = World::start().await?;
    let customer = world.customer(50).await?;
    assert_eq!(echo(&world, &customer, "key", "a").await.status, 200);
    let body = echo(&world, &customer, "key", "b").await;
    let path = call(&world, &customer, "key", "/ok").await;
    for reply in [body, path] {
        assert_eq!((reply.status, reply.json()["error"].as_str()), (422, Some("idempotency_key_reused")));
    }
    for wrong in ["", &"k".repeat(256), "k\u{fc}"] {
        assert_eq!(call(&world, &customer, wrong, "/ok").await.status, 400, "{wrong}");
    }
    assert_eq!(world.balance(&customer).await, 49.0);
    Ok(())
}

#[tokio::test]
async fn a_call_that_still_runs_is_not_run_twice() -> Result<()> {
    let world = World::start().await?;
    let customer = world.customer(50).await?;
    let second = async {
        while world.stats(&customer).await.0 < 3 {
            tokio::task::yield_now().await;
        }
        call(&world, &customer, "key", "/slow?ms=1500").await
    };
    let (first, second) = join(call(&world, &customer, "key", "/slow?ms=1500"), second).await;
    assert_eq!((first.status, second.status), (200, 409));
    assert_eq!(second.json()["error"], "idempotency_running");
    let third = call(&world, &customer, "key", "/slow?ms=1500").await;
    assert_eq!((third.body.as_str(), third.header("idempotent-replayed")), ("slow", "true".into()));
    assert_eq!(world.balance(&customer).await, 49.0);
    Ok(())
}

#[tokio::test]
async fn a_call_that_failed_frees_its_key() -> Result<()> {
    let world = World::start().await?;
    let customer = world.customer(50).await?;
    for path in ["/error", "/err", "/panic", "/metered?use=-1"] {
        assert_eq!(call(&world, &customer, "key", path).await.status, 500, "{path}");
        world.settled(&customer).await;
    }
    let retried = call(&world, &customer, "key", "/ok").await;
    assert_eq!((retried.status, retried.header("idempotent-replayed")), (200, String::new()));
    assert_eq!(call(&world, &customer, "free", "/metered?use=0").await.header("x-price"), "0");
    assert_eq!(call(&world, &customer, "free", "/metered?use=0").await.header("idempotent-replayed"), "true");
    assert_eq!(world.balance(&customer).await, 49.0);
    Ok(())
}

#[tokio::test]
async fn an_answer_too_large_to_keep_is_said_so() -> Result<()> {
    let world = World::start().await?;
    let customer = world.customer(50).await?;
    let first = call(&world, &customer, "key", "/large").await;
    assert_eq!((first.status, first.body.len()), (200, 200_000));
    let again = call(&world, &customer, "key", "/large").await;
    assert_eq!((again.status, again.json()["error"].as_str()), (409, Some("idempotency_answer_too_large")));
    assert_eq!(world.balance(&customer).await, 49.0, "the charge stands, once");
    Ok(())
}
