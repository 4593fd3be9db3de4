//! Disputes: every way they can stand, the money that moves, and what is told.

use cargo_stripeflare::stripe::{DisputeEnd, DisputeRequest, PayRequest, StandIn};
use serde_json::{Value, json};

use crate::support::{charge_of, get, post_form, stand_in};

async fn disputed(stand_in: &StandIn, inquiry: bool) -> (String, String) {
    let session = stand_in.pay(&PayRequest::new(500, "acc-tag")).await.unwrap();
    let charge = charge_of(stand_in, &session);
    let dispute = stand_in.open_dispute(&DisputeRequest { inquiry, ..DisputeRequest::new(&charge) }).unwrap();
    (dispute["id"].as_str().unwrap().to_owned(), charge)
}

/// Kind, status and movements of each event about a dispute, oldest first.
fn told(stand_in: &StandIn, dispute: &str) -> Vec<(String, String, Vec<i64>)> {
    let events = stand_in.events().into_iter().filter(|event| event["data"]["object"]["id"] == dispute);
    let told = events.map(|event| {
        let object = &event["data"]["object"];
        let amounts = object["balance_transactions"].as_array().unwrap().iter();
        let kind = event["type"].as_str().unwrap().strip_prefix("charge.dispute.").unwrap().to_owned();
        let amounts = amounts.map(|transaction| transaction["amount"].as_i64().unwrap()).collect();
        (kind, object["status"].as_str().unwrap().to_owned(), amounts)
    });
    told.collect()
}

fn line(kind: &str, status: &str, amounts: &[i64]) -> (String, String, Vec<i64>) {
    (kind.to_owned(), status.to_owned(), amounts.to_vec())
}

#[tokio::test]
async fn a_chargeback_is_answered_and_won() {
    let stand_in = stand_in().await;
    let (id, charge) = disputed(&stand_in, false).await;
    stand_in.withdraw_disputed(&id).unwrap();
    stand_in.answer_dispute(&id).unwrap();
    stand_in.close_dispute(&id, DisputeEnd::Won).unwrap();
    stand_in.reinstate_disputed(&id, None).unwrap();
    let expected = [
        line("created", "needs_response", &[]),
        line("funds_withdrawn", "needs_response", &[-500]),
        line("updated", "under_review", &[-500]),
        line("closed", "won", &[-500]),
        line("funds_reinstated", "won", &[-500, 500]),
    ];
    assert_eq!(told(&stand_in, &id), expected);
    let (_, dispute) = get(&stand_in, &format!("/v1/disputes/{id}")).await;
    assert_eq!(dispute["evidence_details"]["submission_count"], 1);
    let withdrawn = &dispute["balance_transactions"][0];
    assert_eq!((&withdrawn["fee"], &withdrawn["net"]), (&json!(1500), &json!(-2000)));
    assert_eq!(stand_in.object("charge", &charge).unwrap()["disputed"], true);
    let closed = stand_in.events().into_iter().find(|event| event["type"] == "charge.dispute.closed").unwrap();
    assert_eq!(closed["data"]["previous_attributes"], json!({ "status": "under_review" }));
}

#[tokio::test]
async fn what_is_lost_has_left_and_may_still_come_back() {
    let stand_in = stand_in().await;
    let (id, _) = disputed(&stand_in, false).await;
    stand_in.close_dispute(&id, DisputeEnd::Lost).unwrap();
    stand_in.reinstate_disputed(&id, Some(200)).unwrap();
    stand_in.reinstate_disputed(&id, Some(300)).unwrap();
    let expected = [
        line("created", "needs_response", &[]),
        line("funds_withdrawn", "needs_response", &[-500]),
        line("closed", "lost", &[-500]),
        line("funds_reinstated", "lost", &[-500, 200]),
        line("funds_reinstated", "lost", &[-500, 200, 300]),
    ];
    assert_eq!(told(&stand_in, &id), expected);
    assert!(stand_in.reinstate_disputed(&id, Some(1)).is_err(), "more than left");
}

#[tokio::test]
async fn an_inquiry_is_closed_prevented_or_escalated() {
    let stand_in = stand_in().await;
    let (closed, charge) = disputed(&stand_in, true).await;
    stand_in.answer_dispute(&closed).unwrap();
    stand_in.close_dispute(&closed, DisputeEnd::WarningClosed).unwrap();
    let expected = [
        line("created", "warning_needs_response", &[]),
        line("updated", "warning_under_review", &[]),
        line("closed", "warning_closed", &[]),
    ];
    assert_eq!(told(&stand_in, &closed), expected);
    assert_eq!(stand_in.object("charge", &charge).unwrap()["disputed"], false);

    let (prevented, _) = disputed(&stand_in, true).await;
    stand_in.close_dispute(&prevented, DisputeEnd::Prevented).unwrap();
    let expected = [line("created", "warning_needs_response", &[]), line("updated", "prevented", &[])];
    assert_eq!(told(&stand_in, &prevented), expected);

    let (escalated, charge) = disputed(&stand_in, true).await;
    stand_in.escalate_dispute(&escalated).unwrap();
    stand_in.withdraw_disputed(&escalated).unwrap();
    let expected = [
        line("created", "warning_needs_response", &[]),
        line("updated", "needs_response", &[]),
        line("funds_withdrawn", "needs_response", &[-500]),
    ];
    assert_eq!(told(&stand_in, &escalated), expected);
    assert_eq!(stand_in.object("charge", &charge).unwrap()["disputed"], true);
}

#[tokio::test]
async fn what_a_dispute_cannot_do_is_refused() {
    let stand_in = stand_in().await;
    let (inquiry, _) = disputed(&stand_in, true).await;
    assert!(stand_in.withdraw_disputed(&inquiry).is_err(), "an inquiry moves nothing");
    assert!(stand_in.close_dispute(&inquiry, DisputeEnd::Lost).is_err());
    let (chargeback, _) = disputed(&stand_in, false).await;
    assert!(stand_in.close_dispute(&chargeback, DisputeEnd::WarningClosed).is_err());
    assert!(stand_in.reinstate_disputed(&chargeback, None).is_err(), "nothing has left");
    stand_in.withdraw_disputed(&chargeback).unwrap();
    assert!(stand_in.withdraw_disputed(&chargeback).is_err(), "once");
    assert!(stand_in.close_dispute(&chargeback, DisputeEnd::Prevented).is_err());
    stand_in.close_dispute(&chargeback, DisputeEnd::Won).unwrap();
    assert!(stand_in.close_dispute(&chargeback, DisputeEnd::Lost).is_err(), "it has ended");
    assert!(stand_in.answer_dispute(&chargeback).is_err());
}

#[tokio::test]
async fn a_seller_answers_or_gives_in_through_the_api() {
    let stand_in = stand_in().await;
    let (answered, _) = disputed(&stand_in, false).await;
    let path = format!("/v1/disputes/{answered}");
    let (_, draft) = post_form(&stand_in, &path, "evidence[customer_name]=Petra&submit=false").await;
    assert_eq!((&draft["status"], &draft["evidence"]["customer_name"]), (&json!("needs_response"), &json!("Petra")));
    let (_, sent) = post_form(&stand_in, &path, "evidence[uncategorized_text]=text").await;
    assert_eq!(sent["status"], "under_review");
    let (given_in, _) = disputed(&stand_in, false).await;
    let (status, lost) = post_form(&stand_in, &format!("/v1/disputes/{given_in}/close"), "").await;
    assert_eq!((status, &lost["status"]), (200, &json!("lost")));
    assert_eq!(post_form(&stand_in, &format!("/v1/disputes/{given_in}/close"), "").await.0, 400);
    assert_eq!(post_form(&stand_in, "/v1/disputes/du_none/close", "").await.0, 404);
    let (_, list) = get(&stand_in, "/v1/disputes").await;
    let statuses: Vec<&Value> = list["data"].as_array().unwrap().iter().map(|dispute| &dispute["status"]).collect();
    assert_eq!(statuses, ["lost", "under_review"]);
}
