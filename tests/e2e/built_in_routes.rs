//! Built-in routes answer whom the documentation says, and one whose feature is left out is like any path that nobody has.

use anyhow::{Context, Result};
use cargo_stripeflare::stripe::StandInOptions;
use reqwest::{Method, RequestBuilder};
use tests::{Customer, World};

const DOCUMENTATION: &str = include_str!("../../docs/http.md");

/// Method, path and who may, by the table in the documentation.
fn documented() -> Vec<(Method, String, &'static str)> {
    let routes = DOCUMENTATION.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| `")?.split(" | ");
        let (method, path) = cells.next()?.trim_end_matches('`').split_once(' ')?;
        let path = path.replace("{who}", "admin-readonly").replace("{id}", "x");
        Some((method.parse().ok().filter(|it| it != "Authorization:")?, path, cells.next()?))
    });
    routes.filter(|(_, path, _)| path.starts_with('/')).collect()
}

/// A request that is complete but for the right to it.
fn request(world: &World, method: &Method, path: &str) -> RequestBuilder {
    let request = world.request(method.clone(), path);
    if *method == Method::POST { with_json(request, r#"{"label": "another"}"#) } else { request }
}

fn with_json(request: RequestBuilder, body: &'static str) -> RequestBuilder {
    request.header("content-type", "application/json").body(body)
}

#[tokio::test]
async fn each_answers_whom_the_documentation_says() -> Result<()> {
    let world = World::start().await?;
    let owner = world.customer(100).await?;
    let made = world.post(&owner, "/tokens", r#"{"label": "spends"}"#).await;
    let spends = made.json()["access_token"].as_str().context("a token")?.to_owned();
    let routes = documented();
    assert!(routes.len() > 10, "{routes:?}");
    for (method, path, who) in routes {
        let stranger = world.send(request(&world, &method, &path)).await;
        let spender = world.send(request(&world, &method, &path).bearer_auth(&spends)).await;
        let refused = |status: u16| (400..500).contains(&status);
        let holds = match who {
            "anybody" => ![401, 403].contains(&stranger.status) && ![401, 403].contains(&spender.status),
            "a token" => refused(stranger.status) && ![401, 403].contains(&spender.status),
            "a token that manages" => spender.status == 403 && spender.json()["error"] == "rights",
            "the browser that was asked" | "Stripe, by its signature" => {
                refused(stranger.status) && refused(spender.status)
            }
            "the operator" | "the operator; of one account, a token that manages" => {
                stranger.status == 401 && spender.status == 401
            }
            _ => false,
        };
        assert!(holds, "{method} {path}, for {who}: {stranger:?} {spender:?}");
    }
    assert_eq!(world.get(&owner, "/tokens").await.json()["tokens"].as_array().map(Vec::len), Some(2));
    Ok(())
}

#[tokio::test]
async fn without_a_feature_its_routes_are_gone_and_calls_are_charged_all_the_same() -> Result<()> {
    let world = World::of("tests/without-features", StandInOptions::default(), &[]).await?;
    let demand = world.send(with_json(world.request(Method::POST, "/reverse"), r#"{"text": "abc"}"#)).await;
    assert_eq!(demand.status, 402, "{demand:?}");
    let demand = demand.json();
    let link = demand["paymentLink"].as_str().context("a payment link")?;
    let (_, reference) = link.split_once("client_reference_id=").context("a reference")?;
    let token = demand["access_token"].as_str().context("a token")?.to_owned();
    let customer = Customer { token, reference: reference.to_owned() };
    world.pay(&customer, 100).await?;
    assert_eq!(world.post(&customer, "/reverse", r#"{"text": "abc"}"#).await.body, r#"{"text":"cba"}"#);
    world.becomes(&customer, 99.0).await;

    let nothing = world.get(&customer, "/nothing").await;
    assert_eq!((nothing.status, nothing.body.as_str()), (404, ""));
    for (method, path, _) in documented() {
        let reply = world.send(request(&world, &method, &path).bearer_auth(&customer.token)).await;
        match (method.as_str(), path.as_str()) {
            ("GET", "/me" | "/topup") | ("POST", "/stripe-webhook") => assert_ne!(reply.status, 404, "{path}"),
            (_, "/me") => assert_eq!(reply.status, 405),
            _ => assert_eq!((reply.status, reply.body.as_str()), (404, ""), "{method} {path}: {reply:?}"),
        }
    }
    Ok(())
}
