//! `Idempotency-Key`: one key, one charge.

use anyhow::Result;
use futures_util::future::join;
use reqwest::Method;
use tests::audit::audit_at_rest;
use tests::{Customer, DEADLINE, Reply, World};

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
    let query = call(&world, &customer, "slow", "/slow?ms=1").await;
    assert_eq!(query.status, 200);
    assert_eq!(call(&world, &customer, "slow", "/slow?ms=2").await.status, 422, "a query is part of the call");
    for wrong in ["", &"k".repeat(256), "k\u{fc}", "a, b"] {
        assert_eq!(call(&world, &customer, wrong, "/ok").await.status, 400, "{wrong}");
    }
    assert_eq!(world.balance(&customer).await, 48.0);
    Ok(())
}

#[tokio::test]
async fn a_call_that_still_runs_is_not_run_twice() -> Result<()> {
    let world = World::start().await?;
    let customer = world.customer(50).await?;
    let second = async {
        while world.unsettled(&customer).await != Some(1) {
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
    let free = call(&world, &customer, "free", "/metered?use=0").await;
    assert_eq!((free.status, free.header("idempotent-replayed")), (200, String::new()), "what cost nothing runs again");
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
    assert_eq!((again.status, again.json()["error"].as_str()), (409, Some("idempotency_gone")));
    assert_eq!(world.balance(&customer).await, 49.0, "the charge stands, once");
    Ok(())
}

#[tokio::test]
async fn a_token_that_only_spends_does_not_fill_the_account_with_answers() -> Result<()> {
    const CALLS: usize = 60;
    let world = World::start().await?;
    let owner = world.customer(1_000).await?;
    let minted = world.post(&owner, "/tokens", r#"{"label":"spends"}"#).await.json();
    let token = minted["access_token"].as_str().unwrap_or_default().to_owned();
    let spender = Customer { token, ..owner.clone() };
    let path = |number: usize| format!("/large?byte={}&times=120000", 32 + number);
    for number in 0..CALLS {
        let reply = call(&world, &spender, &number.to_string(), &path(number)).await;
        assert_eq!((reply.status, reply.body.len()), (200, 120_000));
    }
    let found = audit_at_rest(world.disk(), DEADLINE).await?;
    assert!(found.is_clean(), "{found}");
    let files = world.workerd.object_files()?;
    let largest = files.iter().map(|file| file.metadata().map_or(0, |file| file.len())).max();
    assert!(largest < Some(6 * 1024 * 1024), "{largest:?} for {CALLS} answers of 120 KB");
    let oldest = call(&world, &spender, "0", &path(0)).await;
    assert_eq!((oldest.status, oldest.json()["error"].as_str()), (409, Some("idempotency_gone")));
    let newest = call(&world, &spender, &(CALLS - 1).to_string(), &path(CALLS - 1)).await;
    assert_eq!((newest.status, newest.header("idempotent-replayed")), (200, "true".into()));
    assert!(newest.body.bytes().all(|byte| usize::from(byte) == 32 + CALLS - 1), "as it was");
    assert_eq!(world.balance(&owner).await, 1_000.0 - CALLS as f64);
    Ok(())
}

#[tokio::test]
async fn a_stream_passes_and_its_key_tells_that_it_did() -> Result<()> {
    let world = World::start().await?;
    let customer = world.customer(50).await?;
    // More than a worker has memory.
    let path = "/endless?chunks=3000&bytes=50000";
    let request = world.request(Method::GET, path).bearer_auth(&customer.token).header("idempotency-key", "key");
    let mut answer = request.send().await?;
    assert_eq!((answer.status(), &answer.headers()["x-price"]), (reqwest::StatusCode::OK, &"1".parse()?));
    let first = answer.chunk().await?.map(|chunk| chunk.len());
    let again = call(&world, &customer, "key", path).await;
    assert_eq!((again.status, again.json()["error"].as_str()), (409, Some("idempotency_gone")));
    let mut length = first.unwrap_or_default();
    while let Some(chunk) = answer.chunk().await? {
        length += chunk.len();
    }
    assert!(length == 150_000_000, "{length}");
    assert_eq!(world.balance(&customer).await, 49.0, "the charge stands, once");
    Ok(())
}

#[tokio::test]
async fn one_key_is_one_charge_where_the_price_comes_later() -> Result<()> {
    let world = World::start().await?;
    let customer = world.customer(100).await?;
    let send = |method: Method, key: &str, path: &str| {
        let request = world.request(method, path).bearer_auth(&customer.token).header("idempotency-key", key);
        world.send(request)
    };
    for _ in 0..3 {
        let reply = send(Method::GET, "key", "/dynamic?cents=5").await;
        assert_eq!((reply.status, reply.header("x-price"), reply.header("x-balance")), (200, "5".into(), "95".into()));
    }
    for _ in 0..3 {
        let reply = send(Method::POST, "key", "/charge?cents=10&twice=true").await;
        assert_eq!((reply.body.as_str(), reply.header("x-price").as_str()), ("75", "20"), "two charges of one call");
    }
    // Another call is another charge, and so is another caller's.
    assert_eq!(send(Method::GET, "key", "/dynamic?cents=6").await.header("x-balance"), "69");
    assert_eq!(send(Method::POST, "key", "/charge?cents=1").await.body, "68");
    let other = world.customer(100).await?;
    let request = world.request(Method::GET, "/dynamic?cents=5").bearer_auth(&other.token);
    assert_eq!(world.send(request.header("idempotency-key", "key")).await.header("x-balance"), "95");
    // A key of the author's holds for the account, whatever the call.
    for key in ["a", "b"] {
        assert_eq!(send(Method::POST, key, "/charge?cents=8&once=order").await.body, "60");
    }
    assert_eq!(send(Method::POST, "c", "/charge?cents=9&once=order").await.status, 409);
    // Without any key each call is charged.
    for left in ["58", "56"] {
        assert_eq!(world.post(&customer, "/charge?cents=2", "").await.body, left);
    }
    let twice = world.request(Method::GET, "/dynamic?cents=1").bearer_auth(&customer.token);
    let twice = world.send(twice.header("idempotency-key", "a").header("idempotency-key", "b")).await;
    assert_eq!((twice.status, twice.json()["error"].as_str()), (400, Some("idempotency_key")));
    assert_eq!(world.balance(&customer).await, 56.0);
    Ok(())
}

#[tokio::test]
async fn no_answer_says_less_than_was_charged() -> Result<()> {
    let world = World::start().await?;
    let customer = world.customer(100).await?;
    for (path, status, price) in [
        ("/charge?cents=3&fails=true", 409, "3"),
        ("/priced-charge?cents=3&fails=true", 409, "3"),
        ("/priced-charge?cents=3", 200, "4"),
        ("/charge?cents=60&twice=true", 402, "60"),
    ] {
        let reply = world.post(&customer, path, "").await;
        assert_eq!((reply.status, reply.header("x-price").as_str()), (status, price), "{path}: {reply:?}");
        assert!(!reply.body.contains("Nothing was charged"), "{reply:?}");
    }
    world.settled(&customer).await;
    assert_eq!(world.balance(&customer).await, 30.0);
    Ok(())
}
