//! Prices that are asked for, ranges of them, and what the statement says of each charge.

use std::collections::BTreeSet;

use anyhow::Result;
use reqwest::Method;
use serde_json::{Value, json};
use tests::{Customer, Reply, World};

fn figures(reply: &Reply) -> (u16, String, String) {
    (reply.status, reply.header("x-price"), reply.header("x-balance"))
}

async fn labels(world: &World, customer: &Customer) -> Vec<(Value, Value)> {
    world.settled(customer).await;
    let entries = world.get(customer, "/me/entries").await.json()["entries"].as_array().cloned().unwrap_or_default();
    let charged = entries.into_iter().filter(|entry| entry["kind"] != "credit");
    charged.map(|entry| (entry["label"].clone(), entry["amount"].clone())).rev().collect()
}

#[tokio::test]
async fn a_price_from_the_input_is_held_and_charged_exactly() -> Result<()> {
    let world = World::start().await?;
    let customer = world.customer(50).await?;
    let hello = world.post(&customer, "/letters", "hello").await;
    assert_eq!((figures(&hello), hello.body.as_str()), ((200, "2.5".into(), "47.5".into()), "HELLO"));
    let dear = world.post(&customer, "/letters", "47.6").await;
    assert_eq!((dear.status, &dear.json()["price"]), (402, &json!(47.6)), "more than there is");
    let refused = world.post(&customer, "/letters", "hello!").await;
    assert_eq!((refused.status, refused.header("x-price")), (422, String::new()), "what the price function answers");
    assert_eq!(world.post(&customer, "/letters", "-1").await.status, 500);
    assert!(world.workerd.log().contains("Letters: its price function said -1 cents"));
    let free = world.post(&customer, "/letters", "0").await;
    assert_eq!((free.status, free.header("x-price"), free.body.as_str()), (200, "0".into(), "0"));
    let visitor = |text: &'static str| world.send(world.request(Method::POST, "/letters").body(text));
    assert_eq!(visitor("0").await.status, 200, "free for everybody");
    assert_eq!((visitor("hello").await.status, &visitor("hello").await.json()["price"]), (402, &json!(2.5)));
    let length = world.post(&customer, "/length/text", "four").await;
    assert_eq!((figures(&length), length.body.as_str()), ((200, "0.0004".into(), "47.4996".into()), "text four"));
    // Each is one charge, however often its key comes.
    for _ in 0..2 {
        let call = world.request(Method::POST, "/letters").bearer_auth(&customer.token).body("key");
        assert_eq!(
            figures(&world.send(call.header("idempotency-key", "k")).await),
            (200, "1.5".into(), "45.9996".into())
        );
    }
    let said = labels(&world, &customer).await;
    let expected = [("Letters", -2.5), ("POST /length/{of}", -0.0004), ("Letters", -1.5)];
    assert_eq!(said, expected.map(|(label, amount)| (json!(label), json!(amount))));
    Ok(())
}

#[tokio::test]
async fn what_is_left_between_two_bounds_is_enough_and_a_stream_ends_when_it_does() -> Result<()> {
    let world = World::start().await?;
    let customer = world.customer(50).await?;
    assert_eq!(world.post(&customer, "/letters", "46.5").await.status, 200);
    let reply = world.get(&customer, "/as-far-as-it-goes?chunks=9&cents=1").await;
    assert_eq!((reply.status, reply.header("x-balance")), (200, "0".into()), "all of it is held");
    let link = world.get(&customer, "/me").await.json()["paymentLink"].clone();
    let ended = format!(
        "event: payment_required\ndata: {{\"error\":\"payment_required\",\"paymentLink\":{link}}}\n\n: x-price 3\n\n"
    );
    assert_eq!(reply.body, format!("data: 0\n\ndata: 1\n\ndata: 2\n\n{ended}"));
    world.settled(&customer).await;
    assert_eq!(world.balance(&customer).await, 0.5);
    assert!(!world.workerd.log().contains("broke off"), "a caller without money is no error of ours");
    let poor = world.get(&customer, "/as-far-as-it-goes").await;
    assert_eq!((poor.status, &poor.json()["price"]), (402, &json!(2)), "the least it takes");

    let rich = world.customer(50).await?;
    let capped = json!({"label": "capped", "cap_total": 5}).to_string();
    let minted =
        world.request(Method::POST, "/tokens").bearer_auth(&rich.token).header("content-type", "application/json");
    let minted = world.send(minted.body(capped)).await.json();
    let agent = minted["access_token"].as_str().unwrap_or_default();
    let call = |path: &str| world.send(world.request(Method::GET, path).bearer_auth(agent));
    assert_eq!(call("/tokens-used?use=1").await.body, "4.999", "a cap is a bound, too");
    let past = call("/tokens-used?use=6000").await;
    assert_eq!((past.status, past.header("x-price")), (500, "0".into()));
    let used = call("/tokens-used?use=4000").await;
    assert_eq!(figures(&used), (200, "4".into(), "45.999".into()));
    let poor = call("/tokens-used?use=1").await;
    assert_eq!((poor.status, poor.json()["error"].as_str()), (402, Some("token_cap")));
    Ok(())
}

#[tokio::test]
async fn the_statement_says_what_each_charge_was_for() -> Result<()> {
    let world = World::start().await?;
    let customer = world.customer(500).await?;
    for path in ["/ok", "/dynamic?cents=2", "/tokens-used?use=1000", "/layered/x"] {
        assert_eq!(world.get(&customer, path).await.status, 200, "{path}");
        world.settled(&customer).await;
    }
    let inside = world.post(&customer, "/charge?cents=3", "").await;
    assert_eq!(figures(&inside), (200, "3".into(), inside.body.clone()));
    assert!(inside.header("x-entry").starts_with("charge:") && inside.header("x-paymentlink").starts_with("http"));
    let both = world.post(&customer, "/priced-charge?cents=4", "").await;
    assert_eq!((both.status, both.header("x-price")), (200, "5".into()));
    world.settled(&customer).await;
    assert_eq!(both.header("x-balance"), world.balance(&customer).await.to_string(), "both charges are in it");
    let said = labels(&world, &customer).await;
    let said: Vec<_> = said.iter().filter_map(|(label, _)| label.as_str()).collect();
    assert_eq!(said[..5], ["GET /ok", "GET /dynamic", "Tokens", "GET /layered/x", "Inside"]);
    let both: BTreeSet<_> = said[5..].iter().copied().collect();
    assert_eq!(both, ["Inside", "POST /priced-charge"].into());
    Ok(())
}

#[tokio::test]
async fn a_free_route_that_looks_at_the_account_says_what_is_there() -> Result<()> {
    let world = World::start().await?;
    let customer = world.customer(50).await?;
    let reply = world.get(&customer, "/whoami").await;
    let link = world.get(&customer, "/me").await.json()["paymentLink"].clone();
    assert_eq!((reply.header("x-balance"), json!(reply.header("x-paymentlink"))), ("50".into(), link));
    let visitor = world.visit("/whoami").await;
    let told = (visitor.header("x-balance"), visitor.header("x-paymentlink"));
    assert_eq!(told, Default::default(), "nobody has the token of the account that it would name");
    assert_eq!(world.get(&customer, "/free").await.header("x-balance"), "", "it looked at no account");
    Ok(())
}

#[tokio::test]
async fn a_price_that_is_said_twice_is_an_error_that_names_the_route() -> Result<()> {
    let world = World::start().await?;
    let customer = world.customer(50).await?;
    assert_eq!(world.get(&customer, "/fixed-and-said").await.status, 500);
    assert!(world.workerd.log().contains("GET /fixed-and-said has a price and returned a Priced"));
    world.settled(&customer).await;
    assert_eq!(world.balance(&customer).await, 50.0);
    Ok(())
}
