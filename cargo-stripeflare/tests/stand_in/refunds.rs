//! Refunds: every way they can stand, and what is told.

use cargo_stripeflare::stripe::{PayRequest, RefundStatus, StandIn};
use serde_json::{Value, json};

use crate::support::{charge_of, get, post_form, stand_in};

async fn paid(stand_in: &StandIn) -> String {
    charge_of(stand_in, &stand_in.pay(&PayRequest::new(500, "acc-tag")).await.unwrap())
}

/// What was told of a refund: kind and status, oldest first.
fn told(stand_in: &StandIn, refund: &Value) -> Vec<(String, String)> {
    let events = stand_in.events().into_iter().filter(|event| event["data"]["object"]["id"] == refund["id"]);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    events.map(|event| (text(&event["type"]), text(&event["data"]["object"]["status"]))).collect()
}

fn lines(lines: &[(&str, &str)]) -> Vec<(String, String)> {
    lines.iter().map(|(kind, status)| ((*kind).to_owned(), (*status).to_owned())).collect()
}

fn refunded(stand_in: &StandIn, charge: &str) -> i64 {
    stand_in.object("charge", charge).unwrap()["amount_refunded"].as_i64().unwrap()
}

#[tokio::test]
async fn a_refund_that_succeeded_can_still_come_back() {
    let stand_in = stand_in().await;
    let charge = paid(&stand_in).await;
    let refund = stand_in.refund(&charge, Some(300), RefundStatus::Pending).unwrap();
    let id = refund["id"].as_str().unwrap();
    assert_eq!(refund["pending_reason"], "processing");
    assert_eq!(refunded(&stand_in, &charge), 300);
    let succeeded = stand_in.update_refund(id, RefundStatus::Succeeded).unwrap();
    assert!(succeeded.get("pending_reason").is_none());
    assert!(stand_in.update_refund(id, RefundStatus::Pending).is_err());
    let failed = stand_in.update_refund(id, RefundStatus::Failed).unwrap();
    assert!(failed["failure_reason"].is_string() && failed["failure_balance_transaction"].is_string());
    assert_eq!(refunded(&stand_in, &charge), 0);
    let expected = lines(&[
        ("refund.created", "pending"),
        ("refund.updated", "succeeded"),
        ("charge.refund.updated", "succeeded"),
        ("refund.updated", "failed"),
        ("charge.refund.updated", "failed"),
        ("refund.failed", "failed"),
    ]);
    assert_eq!(told(&stand_in, &refund), expected);
    assert!(stand_in.update_refund(id, RefundStatus::Succeeded).is_err(), "it has ended");
}

#[tokio::test]
async fn a_refund_that_waits_for_the_payer_can_be_canceled() {
    let stand_in = stand_in().await;
    let charge = paid(&stand_in).await;
    let refund = stand_in.refund(&charge, None, RefundStatus::RequiresAction).unwrap();
    let path = format!("/v1/refunds/{}/cancel", refund["id"].as_str().unwrap());
    assert_eq!(refund["next_action"]["type"], "display_details");
    let (status, canceled) = post_form(&stand_in, &path, "").await;
    assert_eq!((status, &canceled["status"]), (200, &json!("canceled")));
    assert!(canceled.get("next_action").is_none());
    assert_eq!(refunded(&stand_in, &charge), 0);
    let expected = lines(&[
        ("refund.created", "requires_action"),
        ("refund.updated", "canceled"),
        ("charge.refund.updated", "canceled"),
    ]);
    assert_eq!(told(&stand_in, &refund), expected);
    assert_eq!(post_form(&stand_in, &path, "").await.0, 400, "only while it waits");
    assert_eq!(post_form(&stand_in, "/v1/refunds/re_none/cancel", "").await.0, 404);
}

#[tokio::test]
async fn a_charge_is_refunded_by_what_is_on_its_way() {
    let stand_in = stand_in().await;
    let charge = paid(&stand_in).await;
    let failed = stand_in.refund(&charge, Some(500), RefundStatus::Failed).unwrap();
    assert_eq!(told(&stand_in, &failed), lines(&[("refund.created", "failed"), ("refund.failed", "failed")]));
    assert!(stand_in.events().iter().all(|event| event["type"] != "charge.refunded"));
    stand_in.refund(&charge, Some(200), RefundStatus::Succeeded).unwrap();
    let (_, told) = get(&stand_in, "/v1/events?type=charge.refunded").await;
    assert_eq!(told["data"][0]["data"]["previous_attributes"], json!({ "amount_refunded": 0 }));
    assert!(stand_in.refund(&charge, Some(301), RefundStatus::Succeeded).is_err());
}
