//! Events that are looked up, which is how what no webhook told is found.

use std::collections::BTreeSet;

use cargo_stripeflare::stripe::{
    Delivery, DisputeEnd, DisputeRequest, Method, PayRequest, Progress, RefundStatus, StandIn, StandInOptions,
    WEBHOOK_EVENTS,
};
use serde_json::Value;
use stripeflare_core::stripe::{Event, Fact};

use crate::support::{Endpoint, SOON, charge_of, get, options, stand_in};

const DAY_S: i64 = 24 * 60 * 60;

fn kinds(list: &Value) -> Vec<&str> {
    list["data"].as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap()).collect()
}

/// A payment, and a refund of a part of it.
async fn refunded(stand_in: &StandIn) {
    let session = stand_in.pay(&PayRequest::new(500, "acc-tag")).await.unwrap();
    stand_in.refund(&charge_of(stand_in, &session), Some(100), RefundStatus::Succeeded).unwrap();
}

#[tokio::test]
async fn events_are_found_by_their_kind() {
    let stand_in = stand_in().await;
    refunded(&stand_in).await;
    let (status, all) = get(&stand_in, "/v1/events?limit=100").await;
    assert_eq!(status, 200);
    let expected = [
        "charge.refunded",
        "refund.created",
        "checkout.session.completed",
        "payment_intent.succeeded",
        "charge.succeeded",
        "payment_intent.created",
    ];
    assert_eq!(kinds(&all), expected);
    let (_, several) = get(&stand_in, "/v1/events?types[]=refund.created&types[]=checkout.session.completed").await;
    assert_eq!(kinds(&several), ["refund.created", "checkout.session.completed"]);
    assert_eq!(kinds(&get(&stand_in, "/v1/events?type=refund.created").await.1), ["refund.created"]);
    let (_, of_charges) = get(&stand_in, "/v1/events?type=charge.*").await;
    assert_eq!(kinds(&of_charges), ["charge.refunded", "charge.succeeded"]);
    assert_eq!(kinds(&get(&stand_in, "/v1/events?types[]=charge.*").await.1), [""; 0], "names only");
    let (status, refusal) = get(&stand_in, "/v1/events?type=charge.*&types[]=refund.created").await;
    assert_eq!((status, &refusal["error"]["param"]), (400, &"type".into()));
    let many: String = (0..21).map(|number| format!("&types[]=kind.{number}")).collect();
    assert_eq!(get(&stand_in, &format!("/v1/events?limit=1{many}")).await.0, 400);
}

#[tokio::test]
async fn events_are_paged_through_from_a_moment_on() {
    let stand_in = stand_in().await;
    refunded(&stand_in).await;
    stand_in.clock().advance_s(1000);
    let since = stand_in.clock().now_s() - 10;
    refunded(&stand_in).await;
    let mut seen = Vec::new();
    let mut after = String::new();
    loop {
        let (status, page) = get(&stand_in, &format!("/v1/events?limit=4&created[gte]={since}{after}")).await;
        assert_eq!(status, 200, "{page}");
        let events = page["data"].as_array().unwrap();
        seen.extend(events.iter().map(|event| event["id"].as_str().unwrap().to_owned()));
        if page["has_more"] == false {
            break;
        }
        after = format!("&starting_after={}", seen.last().unwrap());
    }
    let newer = stand_in.events().into_iter().filter(|event| event["created"].as_i64().unwrap() >= since);
    let mut newer: Vec<String> = newer.map(|event| event["id"].as_str().unwrap().to_owned()).collect();
    newer.reverse();
    assert_eq!(seen, newer);
    assert_eq!(seen.len(), 6);
}

#[tokio::test]
async fn an_event_is_kept_for_thirty_days() {
    let stand_in = stand_in().await;
    refunded(&stand_in).await;
    let id = stand_in.events()[0]["id"].as_str().unwrap().to_owned();
    stand_in.clock().advance_s(30 * DAY_S - 60);
    assert_eq!(get(&stand_in, &format!("/v1/events/{id}")).await.0, 200);
    stand_in.clock().advance_s(120);
    let (status, refusal) = get(&stand_in, &format!("/v1/events/{id}")).await;
    assert_eq!((status, &refusal["error"]["code"]), (404, &"resource_missing".into()));
    assert_eq!(get(&stand_in, "/v1/events").await.1["data"], serde_json::json!([]));
}

#[tokio::test]
async fn an_event_stays_as_its_object_was() {
    let stand_in = stand_in().await;
    let session = stand_in.pay(&PayRequest::new(500, "acc-tag")).await.unwrap();
    let refund = stand_in.refund(&charge_of(&stand_in, &session), None, RefundStatus::Pending).unwrap();
    stand_in.update_refund(refund["id"].as_str().unwrap(), RefundStatus::Failed).unwrap();
    let (_, created) = get(&stand_in, "/v1/events?type=refund.created").await;
    assert_eq!(created["data"][0]["data"]["object"]["status"], "pending");
    let (_, updated) = get(&stand_in, "/v1/events?type=refund.updated").await;
    assert_eq!(updated["data"][0]["data"]["object"]["status"], "failed");
    assert_eq!(updated["data"][0]["data"]["previous_attributes"]["status"], "pending");
}

#[tokio::test]
async fn a_listed_event_is_in_the_accounts_version_and_a_webhook_in_its_endpoints() {
    let endpoint = Endpoint::start().await;
    let webhook_url = Some(endpoint.url.clone());
    let account_version = "2019-12-03".to_owned();
    let stand_in = StandIn::start(StandInOptions { webhook_url, account_version, ..options() }).await.unwrap();
    refunded(&stand_in).await;
    stand_in.wait_idle(SOON).await.unwrap();
    assert!(endpoint.received().iter().all(|webhook| webhook.event["api_version"] == "2026-07-29.dahlia"));
    let (_, listed) = get(&stand_in, "/v1/events?type=refund.created").await;
    assert_eq!(listed["data"][0]["api_version"], "2019-12-03");
}

#[tokio::test]
async fn a_lost_webhook_is_found_among_the_events() {
    let endpoint = Endpoint::start().await;
    let webhook_url = Some(endpoint.url.clone());
    let lost = vec!["checkout.session.completed".to_owned()];
    let delivery = Delivery { lost, ..Delivery::default() };
    let stand_in = StandIn::start(StandInOptions { webhook_url, delivery, ..options() }).await.unwrap();
    refunded(&stand_in).await;
    stand_in.wait_idle(SOON).await.unwrap();
    assert_eq!(endpoint.kinds(), ["refund.created"]);
    let (_, undelivered) = get(&stand_in, "/v1/events?delivery_success=false").await;
    assert_eq!(kinds(&undelivered), ["checkout.session.completed"]);
    let event = undelivered["data"][0]["id"].as_str().unwrap();
    let record = stand_in.deliveries().into_iter().find(|record| record.event == event).unwrap();
    assert_eq!((record.progress, record.tries.len()), (Progress::GivenUp, 0));

    stand_in.resend(event);
    stand_in.wait_idle(SOON).await.unwrap();
    assert_eq!(endpoint.kinds(), ["refund.created", "checkout.session.completed"]);
    stand_in.set_delivery(Delivery { lost: vec!["*".to_owned()], ..Delivery::default() });
    refunded(&stand_in).await;
    stand_in.set_delivery(Delivery::default());
    refunded(&stand_in).await;
    stand_in.wait_idle(SOON).await.unwrap();
    assert_eq!(endpoint.received().len(), 4);
}

#[tokio::test]
async fn an_endpoint_is_made_for_what_the_runtime_reads() {
    let stand_in = stand_in().await;
    for succeeds in [true, false] {
        let request = PayRequest::new(500, "acc-tag").method(Method::BankDebit { succeeds });
        let session = stand_in.pay(&request).await.unwrap();
        stand_in.settle_delayed(session["id"].as_str().unwrap(), succeeds).unwrap();
    }
    let session = stand_in.pay(&PayRequest::new(500, "acc-tag")).await.unwrap();
    let charge = charge_of(&stand_in, &session);
    let refund = stand_in.refund(&charge, Some(100), RefundStatus::Pending).unwrap();
    stand_in.update_refund(refund["id"].as_str().unwrap(), RefundStatus::Failed).unwrap();
    let dispute = stand_in.open_dispute(&DisputeRequest::new(&charge)).unwrap();
    let dispute = dispute["id"].as_str().unwrap();
    stand_in.withdraw_disputed(dispute).unwrap();
    stand_in.answer_dispute(dispute).unwrap();
    stand_in.reinstate_disputed(dispute, None).unwrap();
    stand_in.close_dispute(dispute, DisputeEnd::Won).unwrap();

    let is_read = |event: &Value| {
        let event = Event::parse(event.to_string().as_bytes()).unwrap();
        !matches!(event.fact, Fact::Other)
    };
    let kind = |event: Value| event["type"].as_str().unwrap().to_owned();
    let read: BTreeSet<String> = stand_in.events().into_iter().filter(is_read).map(kind).collect();
    assert_eq!(read, WEBHOOK_EVENTS.map(str::to_owned).into());
}
