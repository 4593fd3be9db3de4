//! Webhooks: signatures, retries, duplicates, order, and what each happening sends.

use std::collections::BTreeMap;
use std::time::Duration;

use cargo_stripeflare::stripe::{
    Delivery, DisputeEnd, DisputeRequest, Method, PayRequest, Progress, RefundStatus, StandIn, StandInOptions,
};
use serde_json::json;

use crate::support::{Endpoint, SECRET, SOON, charge_of, get, options};

async fn start(delivery: Delivery) -> (StandIn, Endpoint) {
    let endpoint = Endpoint::start().await;
    let webhook_url = Some(endpoint.url.clone());
    let stand_in = StandIn::start(StandInOptions { webhook_url, delivery, ..options() }).await.unwrap();
    (stand_in, endpoint)
}

#[tokio::test]
async fn paying_returns_after_the_webhook_was_answered() {
    let (stand_in, endpoint) = start(Delivery::default()).await;
    let session = stand_in.pay(&PayRequest::new(500, "acc-tag")).await.unwrap();
    let received = endpoint.received();
    assert_eq!(endpoint.kinds(), ["checkout.session.completed"]);
    let webhook = &received[0];
    assert!(webhook.is_signed_with(SECRET) && !webhook.is_signed_with("whsec_other"));
    assert_eq!(webhook.event["data"]["object"], session);
    assert_eq!(webhook.event["api_version"], "2026-07-29.dahlia");
    assert_eq!(webhook.event["pending_webhooks"], 1);
    assert_eq!(webhook.headers["content-type"], "application/json; charset=utf-8");
    assert_eq!(webhook.headers["user-agent"], "Stripe/1.0 (+https://stripe.com/docs/webhooks)");
    stand_in.wait_idle(SOON).await.unwrap();
    let event = webhook.event["id"].as_str().unwrap();
    assert_eq!(get(&stand_in, &format!("/v1/events/{event}")).await.1["pending_webhooks"], 0);
}

#[tokio::test]
async fn a_failed_delivery_is_tried_again_and_signed_afresh() {
    let (stand_in, endpoint) = start(Delivery { retry: Duration::from_millis(10), ..Delivery::default() }).await;
    endpoint.answer_next(&[500, 302, 404]);
    stand_in.pay(&PayRequest::new(500, "acc-tag")).await.unwrap();
    stand_in.clock().advance_s(1000);
    stand_in.wait_idle(SOON).await.unwrap();
    let received = endpoint.received();
    assert_eq!(received.len(), 4);
    assert!(received.iter().all(|webhook| webhook.is_signed_with(SECRET)));
    assert_ne!(received[0].headers["stripe-signature"], received[3].headers["stripe-signature"]);
    let deliveries = stand_in.deliveries();
    assert_eq!(deliveries[0].tries, [Ok(500), Ok(302), Ok(404), Ok(200)]);
    assert_eq!(deliveries[0].progress, Progress::Delivered);
}

#[tokio::test]
async fn a_dead_endpoint_does_not_keep_the_payer_and_gets_it_later() {
    let (stand_in, endpoint) = start(Delivery { retry: Duration::from_millis(10), ..Delivery::default() }).await;
    stand_in.set_webhook_url("http://127.0.0.1:9/nobody");
    stand_in.pay(&PayRequest::new(500, "acc-tag")).await.unwrap();
    assert!(stand_in.deliveries()[0].tries[0].is_err());
    stand_in.set_webhook_url(&endpoint.url);
    let event = stand_in.deliveries()[0].event.clone();
    stand_in.wait_until_delivered(&event, SOON).await.unwrap();
    assert_eq!(endpoint.kinds(), ["checkout.session.completed"]);
}

#[tokio::test]
async fn webhooks_come_several_times_and_out_of_order() {
    let delivery = Delivery { duplicates: 4, reorder: Duration::from_millis(50), seed: 7, ..Delivery::default() };
    let (stand_in, endpoint) = start(delivery).await;
    for number in 0..10 {
        stand_in.pay(&PayRequest::new(500 + number, "acc-tag")).await.unwrap();
    }
    for charge in get(&stand_in, "/v1/charges").await.1["data"].as_array().unwrap() {
        stand_in.refund(charge["id"].as_str().unwrap(), Some(100), RefundStatus::Succeeded).unwrap();
    }
    stand_in.wait_idle(SOON).await.unwrap();
    let mut times: BTreeMap<String, u32> = BTreeMap::new();
    for webhook in endpoint.received() {
        *times.entry(webhook.event["id"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    assert_eq!(times.len(), 20);
    assert!(times.values().all(|times| *times == 5), "{times:?}");
    let kinds = endpoint.kinds();
    let created: Vec<usize> = (0..kinds.len()).filter(|at| kinds[*at] == "refund.created").collect();
    assert_eq!(created.len(), 50);
}

#[tokio::test]
async fn while_a_secret_is_rolled_both_sign() {
    let (stand_in, endpoint) = start(Delivery::default()).await;
    stand_in.set_webhook_secrets(&["whsec_old", "whsec_new"]);
    stand_in.pay(&PayRequest::new(500, "acc-tag")).await.unwrap();
    let received = endpoint.received();
    assert!(received[0].is_signed_with("whsec_old") && received[0].is_signed_with("whsec_new"));
}

#[tokio::test]
async fn a_debit_is_paid_later_or_fails_later() {
    let endpoint = Endpoint::start().await;
    let kinds = ["completed", "async_payment_succeeded", "async_payment_failed"];
    let webhook_events = kinds.map(|kind| format!("checkout.session.{kind}")).to_vec();
    let webhook_url = Some(endpoint.url.clone());
    let stand_in = StandIn::start(StandInOptions { webhook_url, webhook_events, ..options() }).await.unwrap();
    for succeeds in [true, false] {
        let request = PayRequest::new(500, "acc-tag").method(Method::BankDebit { succeeds });
        let session = stand_in.pay(&request).await.unwrap();
        assert_eq!((&session["status"], &session["payment_status"]), (&"complete".into(), &"unpaid".into()));
        let settled = stand_in.settle_delayed(session["id"].as_str().unwrap(), succeeds).unwrap();
        assert_eq!(settled["payment_status"], if succeeds { "paid" } else { "unpaid" });
        assert!(stand_in.settle_delayed(session["id"].as_str().unwrap(), succeeds).is_err(), "once");
        stand_in.wait_idle(SOON).await.unwrap();
    }
    let expected = [
        "checkout.session.completed",
        "checkout.session.async_payment_succeeded",
        "checkout.session.completed",
        "checkout.session.async_payment_failed",
    ];
    assert_eq!(endpoint.kinds(), expected);
}

#[tokio::test]
async fn a_debit_settles_by_itself_when_told_so() {
    let endpoint = Endpoint::start().await;
    let webhook_url = Some(endpoint.url.clone());
    let settle_after = Some(Duration::from_millis(10));
    let stand_in = StandIn::start(StandInOptions { webhook_url, settle_after, ..options() }).await.unwrap();
    stand_in.pay(&PayRequest::new(500, "a-b").method(Method::BankDebit { succeeds: true })).await.unwrap();
    let settled = || endpoint.kinds().iter().any(|kind| kind == "checkout.session.async_payment_succeeded");
    tokio::time::timeout(SOON, async {
        while !settled() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_refund_that_fails_gives_the_money_back() {
    let (stand_in, endpoint) = start(Delivery::default()).await;
    let session = stand_in.pay(&PayRequest::new(500, "acc-tag")).await.unwrap();
    let charge = charge_of(&stand_in, &session);
    let refund = stand_in.refund(&charge, Some(300), RefundStatus::Pending).unwrap();
    assert_eq!(stand_in.object("charge", &charge).unwrap()["amount_refunded"], 300);
    let id = refund["id"].as_str().unwrap();
    assert_eq!(stand_in.update_refund(id, RefundStatus::Failed).unwrap()["status"], "failed");
    assert!(stand_in.update_refund(id, RefundStatus::Succeeded).is_err(), "a failed refund has ended");
    assert_eq!(stand_in.object("charge", &charge).unwrap()["amount_refunded"], 0);
    stand_in.wait_idle(SOON).await.unwrap();
    let mut kinds = endpoint.kinds();
    kinds.sort();
    assert_eq!(kinds, ["checkout.session.completed", "refund.created", "refund.failed", "refund.updated"]);
}

#[tokio::test]
async fn a_dispute_takes_the_money_and_may_give_it_back() {
    let (stand_in, endpoint) = start(Delivery::default()).await;
    let session = stand_in.pay(&PayRequest::new(500, "acc-tag")).await.unwrap();
    let charge = charge_of(&stand_in, &session);
    let inquiry = DisputeRequest { inquiry: true, amount: Some(200), ..DisputeRequest::new(&charge) };
    let inquiry = stand_in.open_dispute(&inquiry).unwrap();
    assert_eq!(inquiry["status"], "warning_needs_response");
    stand_in.close_dispute(inquiry["id"].as_str().unwrap(), DisputeEnd::WarningClosed).unwrap();
    let dispute = stand_in.open_dispute(&DisputeRequest::new(&charge)).unwrap();
    let id = dispute["id"].as_str().unwrap();
    assert!(stand_in.refund(&charge, None, RefundStatus::Succeeded).is_err(), "charged back");
    assert_eq!(stand_in.withdraw_disputed(id).unwrap()["balance_transactions"][0]["amount"], -500);
    assert_eq!(stand_in.reinstate_disputed(id, Some(400)).unwrap()["balance_transactions"][1]["amount"], 400);
    assert_eq!(stand_in.close_dispute(id, DisputeEnd::Won).unwrap()["status"], "won");
    stand_in.wait_idle(SOON).await.unwrap();
    let mut kinds = endpoint.kinds();
    kinds.retain(|kind| kind.starts_with("charge.dispute."));
    kinds.sort();
    let expected = [
        "charge.dispute.closed",
        "charge.dispute.closed",
        "charge.dispute.created",
        "charge.dispute.created",
        "charge.dispute.funds_reinstated",
        "charge.dispute.funds_withdrawn",
    ];
    assert_eq!(kinds, expected);
}

#[tokio::test]
async fn odd_events_can_be_sent() {
    let (stand_in, endpoint) = start(Delivery::default()).await;
    let session = stand_in.pay(&PayRequest::new(500, "acc-tag")).await.unwrap();
    let event = stand_in.emit("checkout.session.completed", &session, json!({ "account": "acct_other" }));
    stand_in.wait_until_delivered(&event, SOON).await.unwrap();
    assert_eq!(endpoint.received()[1].event["account"], "acct_other");
    stand_in.resend(&event);
    stand_in.wait_idle(SOON).await.unwrap();
    assert_eq!(endpoint.received()[2].event["id"], event);
    assert_eq!(stand_in.thin_event()["object"], "v2.core.event");
    assert!(stand_in.sign(b"{}", 5).starts_with("t=5,v1="));
}
