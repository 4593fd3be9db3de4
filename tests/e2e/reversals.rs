//! Refunds and disputes, in any order and any number of times.

use std::time::Duration;

use anyhow::Result;
use cargo_stripeflare::stripe::{Delivery, DisputeEnd, DisputeRequest, PayRequest, RefundStatus, StandInOptions};
use reqwest::Method;
use serde_json::{Value, json};
use tests::audit::{audit, audit_at_rest};
use tests::{Customer, DEADLINE, World};

use crate::failing_disks::intruder;

/// Everything is delivered three times and in another order than it happened; the seed says which.
fn shuffled(seed: u64) -> StandInOptions {
    println!("seed {seed}");
    let delivery = Delivery {
        duplicates: 2,
        reorder: Duration::from_millis(80),
        retry: Duration::from_millis(20),
        seed,
        ..Delivery::default()
    };
    StandInOptions { delivery, webhook_events: vec!["*".into()], ..StandInOptions::default() }
}

async fn balance(world: &World, customer: &Customer) -> f64 {
    world.stripe.wait_idle(DEADLINE).await.unwrap();
    world.balance(customer).await
}

#[tokio::test]
async fn a_refund_is_taken_back_once_and_never_more_than_was_credited() -> Result<()> {
    for seed in 1..=3 {
        let world = World::with(shuffled(seed), &[]).await?;
        let customer = world.newcomer().await;
        let request = PayRequest { tax: 200, ..PayRequest::new(1_000, &customer.reference) };
        let session = world.stripe.pay(&request).await?;
        assert_eq!(balance(&world, &customer).await, 1_000.0);
        let charge = world.charge_of(&session);
        world.stripe.refund(&charge, Some(300), RefundStatus::Succeeded)?;
        assert_eq!(balance(&world, &customer).await, 750.0, "300 of 1,200 are 250 of 1,000");
        world.get(&customer, "/ok").await;
        world.stripe.refund(&charge, None, RefundStatus::Succeeded)?;
        assert_eq!(balance(&world, &customer).await, -1.0, "the rest of the payment, of which tax was never credited");
        assert_eq!(world.get(&customer, "/ok").await.status, 402);
        for event in world.stripe.events() {
            world.stripe.resend(event["id"].as_str().unwrap());
        }
        assert_eq!(balance(&world, &customer).await, -1.0);
    }
    Ok(())
}

#[tokio::test]
async fn a_refund_that_failed_or_was_canceled_is_given_back_for_good() -> Result<()> {
    for (seed, end) in [(1, RefundStatus::Failed), (2, RefundStatus::Canceled), (3, RefundStatus::Failed)] {
        let world = World::with(shuffled(seed), &[]).await?;
        let customer = world.newcomer().await;
        let session = world.pay(&customer, 1_000).await?;
        let refund = world.stripe.refund(&world.charge_of(&session), Some(400), RefundStatus::Pending)?;
        let id = refund["id"].as_str().unwrap();
        if seed != 3 {
            assert_eq!(balance(&world, &customer).await, 600.0, "money on its way is gone");
        }
        world.stripe.update_refund(id, RefundStatus::Succeeded)?;
        world.stripe.update_refund(id, end)?;
        assert_eq!(balance(&world, &customer).await, 1_000.0);
        world.stripe.emit("refund.updated", &refund, json!({}));
        assert_eq!(balance(&world, &customer).await, 1_000.0, "an old snapshot changes nothing");
    }
    Ok(())
}

#[tokio::test]
async fn a_dispute_freezes_takes_and_gives_back() -> Result<()> {
    for seed in 1..=3 {
        let world = World::with(shuffled(seed), &[]).await?;
        let customer = world.newcomer().await;
        let session = world.pay(&customer, 1_000).await?;
        let charge = world.charge_of(&session);
        let request = DisputeRequest { amount: Some(995), inquiry: true, ..DisputeRequest::new(&charge) };
        let dispute = world.stripe.open_dispute(&request)?;
        let id = dispute["id"].as_str().unwrap();
        assert_eq!(balance(&world, &customer).await, 1_000.0, "nothing is taken yet");
        for left in (0..5).rev() {
            let call = world.get(&customer, "/ok").await;
            assert_eq!((call.status, call.header("x-balance")), (200, left.to_string()));
        }
        assert_eq!(world.get(&customer, "/ok").await.status, 402, "disputed money pays for nothing");
        world.stripe.escalate_dispute(id)?;
        world.stripe.withdraw_disputed(id)?;
        assert_eq!(balance(&world, &customer).await, 0.0);
        world.stripe.reinstate_disputed(id, Some(500))?;
        world.stripe.close_dispute(id, DisputeEnd::Won)?;
        assert_eq!(balance(&world, &customer).await, 500.0);
        assert_eq!(world.get(&customer, "/ok").await.header("x-balance"), "499");
    }
    Ok(())
}

#[tokio::test]
async fn a_dispute_takes_what_moved_whatever_its_status_says() -> Result<()> {
    for seed in 1..=3 {
        let world = World::with(shuffled(seed), &[]).await?;
        let customer = world.newcomer().await;
        let request = PayRequest { tax: 10, ..PayRequest::new(52, &customer.reference) };
        let session = world.stripe.pay(&request).await?;
        let charge = world.charge_of(&session);
        let dispute =
            world.stripe.open_dispute(&DisputeRequest { amount: Some(32), ..DisputeRequest::new(&charge) })?;
        let id = dispute["id"].as_str().unwrap();
        world.stripe.withdraw_disputed(id)?;
        world.stripe.close_dispute(id, DisputeEnd::Lost)?;
        assert_eq!(balance(&world, &customer).await, 25.0, "32 of 62 are 27 of 52");
        let mut dispute = world.stripe.reinstate_disputed(id, None)?;
        assert_eq!(balance(&world, &customer).await, 52.0, "lost, and given back all the same");
        // Won, and lost after all: another withdrawal.
        let movements = dispute["balance_transactions"].as_array_mut().unwrap();
        movements.push(movements[0].clone());
        world.stripe.emit("charge.dispute.closed", &dispute, json!({}));
        assert_eq!(balance(&world, &customer).await, 25.0);

        let prevented = world.pay(&customer, 100).await?;
        let charge = world.charge_of(&prevented);
        let dispute = world.stripe.open_dispute(&DisputeRequest::new(&charge))?;
        assert_eq!(balance(&world, &customer).await, 125.0);
        assert_eq!(world.get(&customer, "/ok").await.header("x-balance"), "24", "what is disputed is held");
        world.stripe.close_dispute(dispute["id"].as_str().unwrap(), DisputeEnd::Prevented)?;
        assert_eq!(balance(&world, &customer).await, 124.0);
        assert_eq!(world.get(&customer, "/ok").await.header("x-balance"), "123", "and free when it was prevented");
        let found = audit_at_rest(world.disk(), DEADLINE).await?;
        assert!(found.is_clean(), "{found}");
    }
    Ok(())
}

#[tokio::test]
async fn a_dispute_that_comes_to_nothing_sets_its_money_free() -> Result<()> {
    let world = World::with(shuffled(4), &[]).await?;
    let customer = world.newcomer().await;
    let session = world.pay(&customer, 50).await?;
    let inquiry = DisputeRequest { inquiry: true, ..DisputeRequest::new(world.charge_of(&session)) };
    let dispute = world.stripe.open_dispute(&inquiry)?;
    assert_eq!((balance(&world, &customer).await, world.get(&customer, "/ok").await.status), (50.0, 402));
    world.stripe.close_dispute(dispute["id"].as_str().unwrap(), DisputeEnd::WarningClosed)?;
    assert_eq!(balance(&world, &customer).await, 50.0);
    assert_eq!(world.get(&customer, "/ok").await.status, 200);
    Ok(())
}

#[tokio::test]
async fn refunds_and_disputes_together_take_no_more_than_the_credit() -> Result<()> {
    let world = World::with(shuffled(5), &[]).await?;
    let customer = world.newcomer().await;
    let session = world.pay(&customer, 1_000).await?;
    let charge = world.charge_of(&session);
    let refund = world.stripe.refund(&charge, Some(600), RefundStatus::Pending)?;
    let dispute = world.stripe.open_dispute(&DisputeRequest::new(&charge))?;
    world.stripe.withdraw_disputed(dispute["id"].as_str().unwrap())?;
    assert_eq!(balance(&world, &customer).await, 0.0);
    world.stripe.update_refund(refund["id"].as_str().unwrap(), RefundStatus::Failed)?;
    assert_eq!(balance(&world, &customer).await, 0.0, "the dispute alone has it all");
    world.stripe.reinstate_disputed(dispute["id"].as_str().unwrap(), None)?;
    assert_eq!(balance(&world, &customer).await, 1_000.0);
    Ok(())
}

#[tokio::test]
async fn a_refund_that_comes_before_its_payment_waits_for_it() -> Result<()> {
    let options = StandInOptions { webhook_events: vec!["refund.created".into()], ..StandInOptions::default() };
    let world = World::with(options, &[]).await?;
    let customer = world.newcomer().await;
    let session = world.pay(&customer, 1_000).await?;
    world.stripe.refund(&world.charge_of(&session), Some(250), RefundStatus::Succeeded)?;
    assert_eq!(balance(&world, &customer).await, 0.0, "the payment itself is not known yet");
    assert!(world.stripe.deliveries().iter().all(|delivery| delivery.tries == [Ok(200)]));

    let event = world.stripe.events().into_iter().find(|event| event["type"] == "checkout.session.completed").unwrap();
    let body = event.to_string();
    for _ in 0..2 {
        let header = world.stripe.sign(body.as_bytes(), world.stripe.clock().now_s());
        let request = world.request(Method::POST, "/stripe-webhook").header("stripe-signature", header);
        assert_eq!(world.send(request.body(body.clone())).await.status, 200);
        assert_eq!(world.balance(&customer).await, 750.0);
    }
    Ok(())
}

/// The unclaimed payment of so much: what went back of it, and its key.
fn unclaimed(world: &World, amount: i64) -> Option<(i64, String)> {
    let files = world.workerd.object_files().ok()?;
    files.iter().find_map(|file| {
        let sql = rusqlite::Connection::open_with_flags(file, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY).ok()?;
        let select = "SELECT went_back, key FROM unclaimed WHERE amount = ?";
        sql.query_row(select, [amount], |row| Ok((row.get(0)?, row.get(1)?))).ok()
    })
}

#[tokio::test]
async fn what_went_back_of_unclaimed_money_is_seen_and_cannot_be_assigned() -> Result<()> {
    let options = StandInOptions { webhook_events: Vec::new(), ..StandInOptions::default() };
    let world = World::with(options, &[]).await?;
    let customer = world.newcomer().await;
    for (amount, back) in [(1_000, 400), (500, 500)] {
        let request = PayRequest { client_reference_id: None, ..PayRequest::new(amount, "") };
        let session = world.stripe.pay(&request).await?;
        world.stripe.refund(&world.charge_of(&session), Some(back), RefundStatus::Succeeded)?;
    }
    // The refunds before their payments, and after them, and before them again.
    let mut events = world.stripe.events();
    events.reverse();
    for event in events.clone().into_iter().chain(events.clone().into_iter().rev()).chain(events) {
        let body = event.to_string();
        let header = world.stripe.sign(body.as_bytes(), world.stripe.clock().now_s());
        let request = world.request(Method::POST, "/stripe-webhook").header("stripe-signature", header);
        assert_eq!(world.send(request.body(body)).await.status, 200);
        assert!(unclaimed(&world, 500).is_none_or(|(back, _)| [0, 500].contains(&back)));
    }
    let (back, key) = unclaimed(&world, 1_000).unwrap();
    assert_eq!((back, unclaimed(&world, 500).unwrap().0), (400, 500));
    let assign = async |key: &str, cents: &str| {
        let form = [("key", key), ("account", customer.reference.as_str()), ("cents", cents)];
        let form: Vec<String> = form.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = world.request(Method::POST, "/db/admin-readonly/assign");
        let request = request.basic_auth("admin", Some("a secret that only these tests ever use"));
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        world.send(request.header("accept", "application/json").body(form.join("&"))).await.status
    };
    assert_eq!(assign(&unclaimed(&world, 500).unwrap().1, "").await, 409, "all of it went back");
    assert_eq!(assign(&key, "1001").await, 409, "more than was paid");
    for _ in 0..2 {
        assert_eq!(assign(&key, "").await, 200);
        assert_eq!(world.balance(&customer).await, 600.0);
    }
    let found = audit_at_rest(world.disk(), DEADLINE).await?;
    assert!(found.is_clean(), "{found}");
    Ok(())
}

#[tokio::test]
async fn reversals_of_what_is_not_ours_change_nothing() -> Result<()> {
    let world = World::with(shuffled(6), &[]).await?;
    let customer = world.newcomer().await;
    let session = world.pay(&customer, 1_000).await?;
    let refund = world.stripe.refund(&world.charge_of(&session), Some(100), RefundStatus::Succeeded)?;
    assert_eq!(balance(&world, &customer).await, 900.0);
    let other = |change: Value| {
        let mut refund = refund.clone();
        refund["id"] = json!(format!("re_{}", change.to_string().len()));
        for (field, value) in change.as_object().unwrap() {
            refund[field] = value.clone();
        }
        refund
    };
    world.stripe.emit("refund.created", &other(json!({"payment_intent": "pi_of_another_product"})), json!({}));
    world.stripe.emit("refund.created", &other(json!({"currency": "eur"})), json!({}));
    world.stripe.emit("refund.created", &other(json!({"amount": 7})), json!({"account": "acct_connected"}));
    world.stripe.emit("refund.created", &other(json!({"amount": 78})), json!({"livemode": true}));
    assert_eq!(balance(&world, &customer).await, 900.0);
    Ok(())
}

#[tokio::test]
async fn a_payment_and_its_refund_that_could_not_be_carried_arrive_by_themselves_after_a_crash_too() -> Result<()> {
    let options = StandInOptions { webhook_events: vec!["refund.created".into()], ..StandInOptions::default() };
    let mut world = World::with(options, &[]).await?;
    let customer = world.newcomer().await;
    let mut events = Vec::new();
    for (cents, refunded) in [(100, 40), (1_000, 250)] {
        let session = world.pay(&customer, cents).await?;
        world.stripe.refund(&world.charge_of(&session), Some(refunded), RefundStatus::Succeeded)?;
        let is_it = |event: &Value| event["data"]["object"]["id"] == session["id"];
        events.extend(world.stripe.events().into_iter().filter(is_it));
    }
    world.stripe.wait_idle(DEADLINE).await?;
    let deliver = async |event: &Value| {
        let body = event.to_string();
        let header = world.stripe.sign(body.as_bytes(), world.stripe.clock().now_s());
        let request = world.request(Method::POST, "/stripe-webhook").header("stripe-signature", header);
        world.send(request.body(body)).await.status
    };
    assert_eq!((deliver(&events[0]).await, world.balance(&customer).await), (200, 60.0));
    assert!(audit_at_rest(world.disk(), DEADLINE).await?.outgoing.is_empty());
    let sql = intruder(&world, &customer)?;
    let fails = "CREATE TRIGGER fails BEFORE UPDATE OF balance ON users BEGIN SELECT RAISE(ABORT, 'on purpose'); END";
    sql.execute_batch(fails)?;
    assert_eq!(deliver(&events[1]).await, 503);
    world.workerd.kill9().await?;
    assert_eq!(audit(world.disk())?.outgoing.len(), 2, "the credit and the refund");
    sql.execute_batch("DROP TRIGGER fails")?;
    drop(sql);
    // Stripe never asks again.
    world.workerd.restart().await?;
    let found = audit_at_rest(world.disk(), DEADLINE).await?;
    assert!(found.is_clean(), "{found}");
    assert_eq!(world.balance(&customer).await, 810.0);
    Ok(())
}
