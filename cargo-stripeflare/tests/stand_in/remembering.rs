//! What the stand-in knows in the next run.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use cargo_stripeflare::stripe::{Delivery, Method, PayRequest, StandIn, StandInOptions};

use super::support::{Endpoint, KEY, SECRET, SOON, options};

#[tokio::test]
async fn payments_outlive_the_stand_in() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state/stripe.json");
    let kept = || StandInOptions { memory: Some(path.clone()), ..options() };
    let first = StandIn::start(kept()).await.unwrap();
    let session = first.pay(&PayRequest::new(500, "acc-tag")).await.unwrap();
    let id = session["id"].as_str().unwrap();
    let is_kept = || fs::read_to_string(&path).is_ok_and(|text| text.contains(id));
    tokio::time::timeout(SOON, async {
        while !is_kept() {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
    let payment_link = first.payment_link_id().to_owned();
    drop(first);
    let text = fs::read_to_string(&path).unwrap();
    assert!(!text.contains(KEY), "the key is in .dev.vars alone");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);

    let second = StandIn::start(kept()).await.unwrap();
    assert_eq!(second.object("checkout.session", id), Some(session));
    assert_eq!(second.payment_link_id(), payment_link);
    assert_eq!(second.objects("payment_link").len(), 1);
    fs::write(&path, "{}").unwrap();
    let error = format!("{:#}", StandIn::start(kept()).await.unwrap_err());
    assert!(error.contains("--fresh drops it"), "{error}");
}

#[tokio::test]
async fn what_was_on_its_way_arrives_in_the_next_run() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("stripe.json");
    let kept =
        |url: &str| StandInOptions { memory: Some(path.clone()), webhook_url: Some(url.to_owned()), ..options() };
    let delayed = Delivery { delay: SOON * 10, ..Delivery::default() };
    let first = StandInOptions { delivery: delayed, redirect_wait: SOON / 100, ..kept("http://127.0.0.1:1/") };
    let first = StandIn::start(first).await.unwrap();
    first.pay(&PayRequest::new(500, "acc-tag")).await.unwrap();
    let debit = PayRequest { method: Method::BankDebit { succeeds: true }, ..PayRequest::new(700, "acc-tag") };
    first.pay(&debit).await.unwrap();
    let events = first.events().len();
    let all_kept =
        || fs::read_to_string(&path).is_ok_and(|text| text.matches("\"pending_webhooks\"").count() == events);
    tokio::time::timeout(SOON, async {
        while !all_kept() {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
    drop(first);

    let endpoint = Endpoint::start().await;
    let second = StandInOptions { settle_after: Some(std::time::Duration::ZERO), ..kept(&endpoint.url) };
    let second = StandIn::start(second).await.unwrap();
    let settled = "checkout.session.async_payment_succeeded";
    tokio::time::timeout(SOON, async {
        while !endpoint.kinds().contains(&settled.to_owned()) || endpoint.received().len() < 3 {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
    second.wait_idle(SOON).await.unwrap();
    assert_eq!(endpoint.kinds().iter().filter(|kind| *kind == "checkout.session.completed").count(), 2);
    assert!(endpoint.received().iter().all(|received| received.is_signed_with(SECRET)));
    assert_eq!(second.objects("webhook_endpoint").len(), 1);
}
