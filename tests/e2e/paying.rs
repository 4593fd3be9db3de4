//! From a payment to a balance: webhooks, good and bad.

use std::time::Duration;

use anyhow::Result;
use cargo_stripeflare::stripe::{ApiFault, Delivery, Method as Pay, PayRequest, StandInOptions};
use reqwest::Method;
use serde_json::{Value, json};
use tests::{DEADLINE, World};

#[tokio::test]
async fn a_stranger_pays_calls_and_runs_out_of_credit() -> Result<()> {
    let world = World::start().await?;

    let first = world.visit("/ok").await;
    assert_eq!(first.status, 402);
    let answer = first.json();
    assert_eq!(
        (&answer["error"], &answer["price"], &answer["balance"]),
        (&json!("payment_required"), &json!(1), &json!(0))
    );
    assert_eq!(first.header("x-paymentlink"), answer["paymentLink"].as_str().unwrap());
    assert!(first.header("set-cookie").starts_with("__Host-access_token="), "{first:?}");
    assert_eq!(first.header("cache-control"), "private, no-store");

    let customer = world.newcomer().await;
    world.pay(&customer, 50).await?;
    let me = world.get(&customer, "/me").await;
    assert_eq!(me.header("cache-control"), "private, no-store");
    let link = format!("{}?client_reference_id={}", world.stripe.payment_link_url(), customer.reference);
    assert_eq!(
        me.json(),
        json!({
            "paymentLink": link, "client_reference_id": customer.reference, "balance": 50, "currency": "usd", "registered": true, "pending_logins": 0,
            "name": null, "email": null, "card_fingerprint": null, "verified_email": null,
            "tier": "free", "news": false, "handle": null, "tags": null,
        }),
        "a webhook tells no name: whoever paid is not known to be whoever calls"
    );
    let secret = customer.token.split('.').nth(1).unwrap();
    assert!(!me.body.contains(secret));

    let called = world.get(&customer, "/ok").await;
    assert_eq!((called.status, called.body.as_str()), (200, "ok"));
    assert_eq!((called.header("x-price"), called.header("x-balance")), ("1".into(), "49".into()));
    assert_eq!((called.header("x-paymentlink"), called.header("cache-control")), (link, "private, no-store".into()));

    let quarter = world.get(&customer, "/fraction").await;
    assert_eq!((quarter.header("x-price"), quarter.header("x-balance")), ("0.25".into(), "48.75".into()));
    assert_eq!(world.balance(&customer).await, 48.75);

    for left in (0..48).rev() {
        let called = world.get(&customer, "/ok").await;
        assert_eq!((called.status, called.header("x-balance")), (200, format!("{left}.75")));
    }
    let refused = world.get(&customer, "/ok").await;
    assert_eq!(refused.status, 402);
    assert_eq!(refused.json()["balance"], json!(0.75));
    assert_eq!(refused.json().get("access_token"), None, "only a newcomer is given a token");
    assert_eq!(refused.header("x-price"), "0");

    world.pay(&customer, 100).await?;
    assert_eq!(world.get(&customer, "/ok").await.header("x-balance"), "99.75");
    Ok(())
}

#[tokio::test]
async fn a_payment_is_credited_once_however_often_it_is_told() -> Result<()> {
    let delivery = Delivery { duplicates: 4, seed: 7, ..Delivery::default() };
    let world = World::with(StandInOptions { delivery, ..StandInOptions::default() }, &[]).await?;
    let customer = world.customer(500).await?;
    assert_eq!(world.balance(&customer).await, 500.0);
    for event in world.stripe.events() {
        world.stripe.resend(event["id"].as_str().unwrap());
    }
    world.stripe.wait_idle(DEADLINE).await?;
    assert_eq!(world.balance(&customer).await, 500.0);
    Ok(())
}

#[tokio::test]
async fn a_delayed_payment_counts_when_it_has_succeeded() -> Result<()> {
    let world = World::start().await?;
    for (succeeds, credited) in [(true, 700.0), (false, 0.0)] {
        let customer = world.newcomer().await;
        let request = PayRequest::new(700, &customer.reference).method(Pay::BankDebit { succeeds });
        let session = world.stripe.pay(&request).await?;
        world.stripe.wait_idle(DEADLINE).await?;
        assert_eq!(world.balance(&customer).await, 0.0);
        world.stripe.settle_delayed(session["id"].as_str().unwrap(), succeeds)?;
        world.stripe.wait_idle(DEADLINE).await?;
        assert_eq!(world.balance(&customer).await, credited);
    }
    Ok(())
}

#[tokio::test]
async fn tax_and_shipping_are_not_credited() -> Result<()> {
    let world = World::start().await?;
    let customer = world.newcomer().await;
    let request = PayRequest { tax: 95, shipping: 30, discount: 100, ..PayRequest::new(600, &customer.reference) };
    world.stripe.pay(&request).await?;
    world.stripe.wait_idle(DEADLINE).await?;
    assert_eq!(world.balance(&customer).await, 500.0);
    Ok(())
}

/// What the aggregate recorded as credited to nobody.
fn unclaimed(world: &World) -> Vec<(i64, String)> {
    let files = world.workerd.object_files().unwrap();
    let read = |file| -> rusqlite::Result<Vec<(i64, String)>> {
        let sql = rusqlite::Connection::open_with_flags(file, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let mut select = sql.prepare("SELECT amount, reason FROM unclaimed ORDER BY at, key")?;
        select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
    };
    files.iter().filter_map(|file| read(file).ok()).flatten().collect()
}

#[tokio::test]
async fn money_that_names_no_account_or_came_another_way_is_kept_and_credited_to_nobody() -> Result<()> {
    let world = World::start().await?;
    let customer = world.customer(100).await?;
    let other_link = world.stripe.add_payment_link("usd", None);
    let euros = world.stripe.add_payment_link("eur", None);
    let link = |link: &Value| Some(link["id"].as_str().unwrap().to_owned());
    let usual = || PayRequest::new(900, &customer.reference);
    let mut edited = customer.reference.clone();
    edited.pop();
    for request in [
        PayRequest { client_reference_id: None, ..usual() },
        PayRequest { client_reference_id: Some("somebody".into()), ..usual() },
        PayRequest { client_reference_id: Some(edited), ..usual() },
        PayRequest { payment_link: link(&other_link), ..usual() },
        PayRequest { payment_link: link(&euros), ..usual() },
    ] {
        world.stripe.pay(&request).await?;
        world.stripe.wait_idle(DEADLINE).await?;
    }
    assert_eq!(world.balance(&customer).await, 100.0);
    let unclaimed = unclaimed(&world);
    assert_eq!(unclaimed.len(), 5, "{unclaimed:?}");
    assert!(unclaimed.iter().all(|(amount, _)| *amount == 900));
    assert!(
        world.stripe.deliveries().iter().all(|delivery| delivery.tries == [Ok(200)]),
        "Stripe is told it is stored"
    );
    Ok(())
}

#[tokio::test]
async fn a_session_that_breaks_one_rule_is_credited_to_nobody() -> Result<()> {
    let options = StandInOptions { webhook_events: Vec::new(), ..StandInOptions::default() };
    let world = World::with(options, &[]).await?;
    let customer = world.newcomer().await;
    let session = world.stripe.pay(&PayRequest::new(900, &customer.reference)).await?;
    let deliver = async |number: usize, changes: Value, event: Value| {
        let mut session = session.clone();
        session["id"] = json!(format!("cs_test_{number}"));
        for (field, value) in changes.as_object().unwrap() {
            session[field] = value.clone();
        }
        let mut body = json!({"object": "event", "type": "checkout.session.completed", "livemode": false,
            "data": {"object": session}});
        for (field, value) in event.as_object().unwrap() {
            body[field] = value.clone();
        }
        let body = body.to_string();
        let signature = world.stripe.sign(body.as_bytes(), world.stripe.clock().now_s());
        let request = world.request(Method::POST, "/stripe-webhook").header("stripe-signature", signature);
        let reply = world.send(request.body(body)).await;
        assert_eq!(reply.status, 200, "{changes}: {reply:?}");
    };
    let kept = [
        (json!({"livemode": true}), json!({"livemode": true})),
        (json!({}), json!({"livemode": true})),
        (json!({"mode": "subscription", "payment_intent": null}), json!({})),
        (json!({"mode": null}), json!({})),
        (json!({"payment_link": null}), json!({})),
        (json!({"payment_link": "plink_of_another_product"}), json!({})),
        (json!({"currency": "eur"}), json!({})),
        (json!({"currency": null}), json!({})),
        (json!({"client_reference_id": null}), json!({})),
        (json!({"client_reference_id": "order-17"}), json!({})),
        (json!({}), json!({"account": "acct_connected"})),
        (json!({"total_details": {"amount_tax": 900}}), json!({})),
        (json!({"amount_total": i64::MAX}), json!({})),
    ];
    for (number, (session, event)) in kept.iter().enumerate() {
        deliver(number, session.clone(), event.clone()).await;
        assert_eq!(unclaimed(&world).len(), number + 1, "{session} {event} is recorded");
    }
    let nothing = [
        json!({"amount_total": 0}),
        json!({"amount_total": null}),
        json!({"amount_total": -900}),
        json!({"payment_status": "unpaid"}),
        json!({"payment_status": "no_payment_required"}),
        json!({"payment_status": null}),
    ];
    for (number, session) in nothing.into_iter().enumerate() {
        deliver(100 + number, session, json!({})).await;
    }
    assert_eq!(unclaimed(&world).len(), kept.len(), "where no money moved there is nothing to record");
    assert_eq!(world.balance(&customer).await, 0.0);
    deliver(200, json!({}), json!({})).await;
    assert_eq!(world.balance(&customer).await, 900.0, "and with all of them kept it is credited");
    Ok(())
}

#[tokio::test]
async fn without_its_id_the_payment_link_is_known_by_its_address() -> Result<()> {
    let delivery = Delivery { retry: Duration::from_millis(20), ..Delivery::default() };
    let options = StandInOptions { delivery, redirect_wait: Duration::ZERO, ..StandInOptions::default() };
    let world = World::with(options, &[("STRIPE_PAYMENT_LINK_ID", "")]).await?;
    let customer = world.newcomer().await;
    world.stripe.set_api_fault(Some(ApiFault::Broken));
    world.stripe.pay(&PayRequest::new(300, &customer.reference)).await?;
    world.webhook_is_refused().await;
    assert_eq!(world.balance(&customer).await, 0.0, "whose link it is, is not known yet");
    world.stripe.set_api_fault(None);
    world.stripe.wait_idle(DEADLINE).await?;
    assert_eq!(world.balance(&customer).await, 300.0);

    let other = world.stripe.add_payment_link("usd", None);
    let foreign = PayRequest {
        payment_link: other["id"].as_str().map(str::to_owned),
        ..PayRequest::new(800, &customer.reference)
    };
    world.stripe.pay(&foreign).await?;
    world.pay(&customer, 50).await?;
    assert_eq!(world.balance(&customer).await, 350.0);
    assert_eq!(unclaimed(&world).len(), 1);
    Ok(())
}

/// A variable that does not fit the link at Stripe is said before anybody pays, and loses no money that came.
#[tokio::test]
async fn a_payment_link_that_is_not_the_one_meant_is_said_and_costs_nobody_anything() -> Result<()> {
    let delivery = Delivery { retry: Duration::from_millis(100), ..Delivery::default() };
    let options = StandInOptions { delivery, redirect_wait: Duration::ZERO, ..StandInOptions::default() };
    let mut world = World::with(options, &[]).await?;
    let customer = world.customer(100).await?;
    let other = world.stripe.add_payment_link("usd", None);
    let euros = world.stripe.add_payment_link("eur", None);
    let text = |link: &Value, field: &str| link[field].as_str().unwrap().to_owned();
    let (other_id, euros_id, euros_url) = (text(&other, "id"), text(&euros, "id"), text(&euros, "url"));

    let in_euros = [("STRIPE_PAYMENT_LINK", euros_url.as_str()), ("STRIPE_PAYMENT_LINK_ID", euros_id.as_str())];
    let cases = [
        (&in_euros[..], "STRIPE_CURRENCY"),
        (&[("STRIPE_PAYMENT_LINK_ID", other_id.as_str())], "STRIPE_PAYMENT_LINK_ID"),
        (&[("STRIPE_PAYMENT_LINK_ID", "plink_unheard_of")], "STRIPE_PAYMENT_LINK_ID"),
    ];
    for (changes, variable) in cases {
        world.deploy_with(changes).await?;
        let topup = world.get(&customer, "/topup").await;
        assert!(topup.status == 503 && topup.body.contains(variable), "{topup:?}");
        assert_eq!(world.get(&customer, "/ok").await.status, 200, "a balance is not asked where it came from");
        world.settled(&customer).await;
    }
    // Money that comes while it is so waits at Stripe.
    world.stripe.pay(&PayRequest::new(60, &customer.reference)).await?;
    world.webhook_is_refused().await;
    let slash = format!("{}/", world.stripe.payment_link_url());
    world.deploy_with(&[("STRIPE_PAYMENT_LINK", &slash)]).await?;
    let topup = world.get(&customer, "/topup").await;
    assert_eq!((topup.status, topup.header("location").contains("/?")), (303, false), "{topup:?}");
    world.stripe.wait_idle(DEADLINE).await?;
    assert_eq!(world.balance(&customer).await, 157.0);
    assert_eq!(unclaimed(&world).len(), 0);
    Ok(())
}

#[tokio::test]
async fn forged_stale_empty_and_garbled_signatures_change_nothing() -> Result<()> {
    let world = World::start().await?;
    let customer = world.customer(100).await?;
    let event = world.stripe.events().pop().unwrap();
    let mut session = event["data"]["object"].clone();
    session["id"] = json!("cs_test_forged");
    session["amount_total"] = json!(999_999);
    let body = json!({"object": "event", "id": "evt_forged", "type": "checkout.session.completed", "livemode": false,
        "api_version": event["api_version"], "data": {"object": session}})
    .to_string();
    let now = world.stripe.clock().now_s();
    let good = world.stripe.sign(body.as_bytes(), now);
    let forged =
        cargo_stripeflare::stripe::signature_header(body.as_bytes(), &["whsec_somebody_elses_secret"], now, false);
    let v0_only = good.replace("v1=", "v0=");
    let cut = &good[..good.len() / 2];
    let headers: Vec<Vec<u8>> = vec![
        Vec::new(),
        forged.into_bytes(),
        world.stripe.sign(body.as_bytes(), now - 301).into_bytes(),
        world.stripe.sign(body.as_bytes(), now + 400).into_bytes(),
        world.stripe.sign(b"{}", now).into_bytes(),
        v0_only.into_bytes(),
        cut.as_bytes().to_vec(),
        b"t=,v1=".to_vec(),
        b"\xff\xfe\xfd".to_vec(),
        b"t=1,v1=00,".repeat(1_000),
    ];
    for header in headers {
        let request = world.request(Method::POST, "/stripe-webhook").body(body.clone());
        let reply = world.send(request.header("stripe-signature", &header[..])).await;
        assert_eq!(reply.status, 400, "{}", String::from_utf8_lossy(&header));
    }
    let without = world.send(world.request(Method::POST, "/stripe-webhook").body(body.clone())).await;
    assert_eq!(without.status, 400);
    assert_eq!(world.balance(&customer).await, 100.0);

    let signed = |body: &str| {
        let request = world.request(Method::POST, "/stripe-webhook").body(body.to_owned());
        world.send(request.header("stripe-signature", world.stripe.sign(body.as_bytes(), now)))
    };
    for (body, status) in [
        ("nonsense", 400),
        ("{}", 400),
        (&world.stripe.thin_event().to_string(), 400),
        (r#"{"object":"event","type":"plan.created"}"#, 200),
    ] {
        assert_eq!(signed(body).await.status, status, "{body}");
    }
    assert_eq!(signed(&" ".repeat(256 * 1024 + 1)).await.status, 413);
    assert_eq!(signed(&body).await.status, 200, "the very event, well signed, is taken");
    assert_eq!(world.balance(&customer).await, 100.0 + 999_999.0);
    Ok(())
}
