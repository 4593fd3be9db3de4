//! The statement: `GET /me/entries`, and `X-Entry` on what was charged.

use std::collections::BTreeSet;

use anyhow::Result;
use cargo_stripeflare::stripe::RefundStatus;
use reqwest::Method;
use serde_json::{Value, json};
use tests::{Customer, Reply, World};

async fn page(world: &World, customer: &Customer, path: &str) -> (Vec<Value>, Option<String>) {
    let reply = world.get(customer, path).await;
    assert_eq!((reply.status, reply.header("cache-control").as_str()), (200, "private, no-store"), "{reply:?}");
    let next = reply.json()["next"].as_str().map(str::to_owned);
    let link = next.as_ref().map(|next| format!("<{next}>; rel=\"next\"")).unwrap_or_default();
    assert_eq!(reply.header("link"), link);
    (reply.json()["entries"].as_array().cloned().unwrap_or_default(), next)
}

fn ids(entries: &[Value]) -> Vec<String> {
    entries.iter().map(|entry| entry["id"].as_str().unwrap_or_default().to_owned()).collect()
}

#[tokio::test]
async fn each_charged_response_names_its_line_and_no_other_does() -> Result<()> {
    let world = World::start().await?;
    let customer = world.customer(500).await?;
    let mut named = Vec::new();
    for path in ["/ok", "/fraction", "/dynamic?cents=12.5", "/metered?use=2.5", "/row", "/outlive?ms=1100"] {
        let reply = world.get(&customer, path).await;
        assert_eq!(reply.status, 200, "{path}");
        named.push((reply.header("x-entry"), reply.header("x-price")));
    }
    let keyed = || {
        let request = world.request(Method::GET, "/ok").bearer_auth(&customer.token).header("idempotency-key", "k");
        world.send(request)
    };
    let first: Reply = keyed().await;
    assert_eq!(first.header("x-entry"), keyed().await.header("x-entry"), "the same charge, the same line");
    named.push((first.header("x-entry"), "1".into()));
    for path in ["/free", "/error", "/err", "/metered?use=0", "/dynamic?cents=0", "/me"] {
        assert_eq!(world.get(&customer, path).await.header("x-entry"), "", "{path}");
    }
    world.settled(&customer).await;
    let (entries, _) = page(&world, &customer, "/me/entries").await;
    let charged: Vec<_> = entries.iter().filter(|entry| entry["kind"] != "credit").collect();
    assert_eq!(charged.len(), named.len());
    for (id, price) in named {
        let line = charged.iter().find(|entry| entry["id"] == json!(id)).unwrap_or_else(|| panic!("no line {id}"));
        assert_eq!(line["amount"].as_f64(), Some(-price.parse::<f64>()?), "{line}");
    }
    Ok(())
}

#[tokio::test]
async fn the_statement_is_complete_in_pages_of_any_size_and_as_csv() -> Result<()> {
    let world = World::start().await?;
    let customer = world.newcomer().await;
    let session = world.pay(&customer, 500).await?;
    let charge = world.charge_of(&session);
    for _ in 0..4 {
        world.get(&customer, "/ok").await;
        world.get(&customer, "/dynamic?cents=2").await;
        world
            .send(
                world.request(Method::POST, &format!("/job?payer={}&cents=1&key=monthly,%20%3D1", customer.account())),
            )
            .await;
    }
    world.stripe.refund(&charge, Some(100), RefundStatus::Succeeded)?;
    world.stripe.wait_idle(tests::DEADLINE).await?;
    world.get(&customer, "/ok").await;
    world.settled(&customer).await;

    let (all, next) = page(&world, &customer, "/me/entries").await;
    assert_eq!((all.len(), next), (12, None), "{all:?}");
    assert_eq!(
        (&all[11]["kind"], &all[11]["amount"], &all[11]["label"]),
        (&json!("credit"), &json!(500), &json!(null))
    );
    assert_eq!((&all[0]["kind"], &all[0]["label"]), (&json!("capture"), &json!("GET /ok")));
    let charged_to = |entry: &Value| (entry["token"].clone(), entry["calls"].clone());
    assert_eq!((charged_to(&all[0]), charged_to(&all[11])), ((json!("first"), json!(1)), (json!(null), json!(null))));
    assert_eq!(all[1]["kind"], "refund");
    let sum: f64 = all.iter().filter_map(|entry| entry["amount"].as_f64()).sum();
    assert_eq!((sum, all[0]["balance"].as_f64()), (world.balance(&customer).await, Some(sum)));
    assert_eq!(ids(&all).into_iter().collect::<BTreeSet<_>>().len(), 12);
    let times: Vec<_> = all.iter().map(|entry| entry["at"].as_str().unwrap_or_default()).collect();
    assert!(times.iter().all(|at| at.len() == 24 && at.ends_with('Z')), "{times:?}");
    for size in [1, 5, 11, 12] {
        let (mut read, mut next) = (Vec::new(), Some(format!("/me/entries?limit={size}")));
        while let Some(path) = next {
            let (entries, following) = page(&world, &customer, &path).await;
            assert!(entries.len() <= size);
            read.extend(ids(&entries));
            next = following;
        }
        assert_eq!(read, ids(&all), "{size} at a time");
    }

    let accept = world.request(Method::GET, "/me/entries").bearer_auth(&customer.token).header("accept", "text/csv");
    for csv in [world.get(&customer, "/me/entries?format=csv").await, world.send(accept).await] {
        assert_eq!(csv.header("content-type"), "text/csv; charset=utf-8");
        let lines: Vec<_> = csv.body.split_terminator("\r\n").collect();
        assert_eq!((lines.len(), lines[0]), (13, "id,at,kind,amount,balance,label,token,calls"));
        assert!(lines[12].ends_with(",credit,500,500,,,"), "{csv:?}");
        assert!(lines[1].ends_with(",GET /ok,first,1"), "{csv:?}");
        assert!(csv.body.contains("\"charge:job:monthly, =1\""), "{csv:?}");
    }
    let csv = world.get(&customer, "/me/entries?format=csv&limit=5").await;
    assert!(csv.header("link").contains("&limit=5&format=csv>"));
    for wrong in ["limit=0", "limit=1001", "limit=x", "before=x", "format=xml"] {
        assert_eq!(world.get(&customer, &format!("/me/entries?{wrong}")).await.status, 400, "{wrong}");
    }
    for somebody in [world.visit("/me/entries").await, world.get(&world.newcomer().await, "/me/entries").await] {
        assert_eq!((somebody.status, somebody.json()), (200, json!({"entries": [], "next": null})));
    }
    let everything = world.get(&customer, "/me/entries").await.body;
    assert!(
        !everything.contains(session["payment_intent"].as_str().unwrap()) && !everything.contains("cs_"),
        "Stripe's ids are nobody's business"
    );
    Ok(())
}
