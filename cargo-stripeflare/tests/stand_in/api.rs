//! The API: shapes, refusals, lists, expansion, idempotency, trouble.

use std::time::Duration;

use cargo_stripeflare::stripe::{ApiFault, Method as PayBy, PayRequest, StandIn};
use reqwest::Method;
use serde_json::Value;

use crate::support::{KEY, charge_of, get, json, post_form, request, stand_in};

async fn paid(stand_in: &StandIn) -> Value {
    stand_in.pay(&PayRequest::new(1500, "account-tag")).await.unwrap()
}

#[tokio::test]
async fn a_paid_session_can_be_looked_up_with_the_card_that_paid() {
    let stand_in = stand_in().await;
    let session = paid(&stand_in).await;
    let id = session["id"].as_str().unwrap();
    assert_eq!(id.len(), 66);
    let path = format!(
        "/v1/checkout/sessions/{id}?expand[]=payment_intent.latest_charge&expand[]=payment_intent.payment_method"
    );
    let (status, found) = get(&stand_in, &path).await;
    assert_eq!(status, 200);
    assert_eq!(found["status"], "complete");
    assert_eq!(found["payment_status"], "paid");
    assert_eq!(found["amount_total"], 1500);
    assert_eq!(found["client_reference_id"], "account-tag");
    assert_eq!(found["payment_link"], stand_in.payment_link_id());
    assert_eq!(found["livemode"], false);
    let intent = &found["payment_intent"];
    assert_eq!(intent["status"], "succeeded");
    assert_eq!(intent["payment_method"]["type"], "card");
    let card = &intent["latest_charge"]["payment_method_details"]["card"];
    assert_eq!(card["brand"], "visa");
    assert!(card["fingerprint"].is_string());
}

#[tokio::test]
async fn objects_have_every_field_that_stripes_have() {
    let stand_in = stand_in().await;
    let session = paid(&stand_in).await;
    let charge = charge_of(&stand_in, &session);
    let intent = session["payment_intent"].as_str().unwrap();
    let fields = |object: &Value, fields: &[&str]| {
        for field in fields {
            assert!(object.as_object().unwrap().contains_key(*field), "{} has no {field}", object["object"]);
        }
    };
    fields(
        &session,
        &[
            "id",
            "mode",
            "status",
            "payment_status",
            "payment_link",
            "client_reference_id",
            "payment_intent",
            "currency",
            "amount_subtotal",
            "amount_total",
            "total_details",
            "customer_details",
            "livemode",
            "metadata",
            "created",
        ],
    );
    let charge = get(&stand_in, &format!("/v1/charges/{charge}")).await.1;
    fields(&charge, &["amount", "amount_refunded", "disputed", "payment_intent", "payment_method_details", "status"]);
    let intent = get(&stand_in, &format!("/v1/payment_intents/{intent}?expand[]=latest_charge")).await.1;
    fields(&intent, &["amount", "amount_received", "latest_charge", "payment_method", "status"]);
    assert_eq!(intent["latest_charge"]["id"], charge["id"]);
    let link = get(&stand_in, &format!("/v1/payment_links/{}", stand_in.payment_link_id())).await.1;
    fields(&link, &["active", "url", "currency", "after_completion", "livemode", "metadata"]);
    assert_eq!(link["url"], stand_in.payment_link_url());
}

#[tokio::test]
async fn link_and_wallet_payments_have_no_card_to_know_the_payer_by() {
    let stand_in = stand_in().await;
    let details = async |method: PayBy| {
        let session = stand_in.pay(&PayRequest::new(500, "a-b").method(method)).await.unwrap();
        let intent = session["payment_intent"].as_str().unwrap();
        let path = format!("/v1/payment_intents/{intent}?expand[]=latest_charge&expand[]=payment_method");
        get(&stand_in, &path).await.1
    };
    let link = details(PayBy::Link("link@example.com".to_owned())).await;
    assert_eq!(link["payment_method"]["link"]["email"], "link@example.com");
    assert_eq!(link["latest_charge"]["payment_method_details"]["type"], "link");
    assert!(link["latest_charge"]["id"].as_str().unwrap().starts_with("py_"));
    let wallet = details(PayBy::Wallet { device_number: None }).await;
    let card = &wallet["latest_charge"]["payment_method_details"]["card"];
    assert_eq!((&card["fingerprint"], &card["wallet"]["type"]), (&Value::Null, &"apple_pay".into()));
    let bank = details(PayBy::LinkBankAsCard).await;
    let card = &bank["latest_charge"]["payment_method_details"]["card"];
    assert_eq!((&card["brand"], &card["last4"]), (&"link".into(), &"0000".into()));
}

#[tokio::test]
async fn keys_are_checked_as_stripe_checks_them() {
    let stand_in = stand_in().await;
    let url = format!("{}/v1/charges", stand_in.api_base());
    let with = async |authorization: &str| {
        let response = reqwest::Client::new().get(&url).header("authorization", authorization).send().await.unwrap();
        json(response).await
    };
    let (status, body) = json(reqwest::get(&url).await.unwrap()).await;
    assert_eq!((status, &body["error"]["type"]), (401, &"invalid_request_error".into()));
    let (status, body) = with("Bearer sk_test_somebody_elses").await;
    assert_eq!(status, 401);
    let message = body["error"]["message"].as_str().unwrap();
    assert!(message.contains("sk_test_*") && !message.contains("somebody"), "{message}");
    assert_eq!(with("Bearer pk_test_key").await.1["error"]["code"], "secret_key_required");
    // `sk_test_key:` in Base64.
    assert_eq!(with("Basic c2tfdGVzdF9rZXk6").await.0, 200);
    assert_eq!(with(&format!("Bearer {KEY}")).await.0, 200);
}

#[tokio::test]
async fn what_stripe_does_not_know_is_refused() {
    let stand_in = stand_in().await;
    let (status, body) = get(&stand_in, "/v1/checkout/sessions/cs_test_none").await;
    assert_eq!((status, &body["error"]["code"]), (404, &"resource_missing".into()));
    let (status, body) = get(&stand_in, "/v1/charges?paymentintent=pi_1").await;
    assert_eq!((status, &body["error"]["code"]), (400, &"parameter_unknown".into()));
    assert_eq!(body["error"]["param"], "paymentintent");
    let (status, body) = get(&stand_in, "/v1/subscriptions").await;
    assert_eq!(status, 404);
    assert!(
        body["error"]["message"].as_str().unwrap().starts_with("Unrecognized request URL (GET: /v1/subscriptions)")
    );
    assert_eq!(get(&stand_in, "/v1/charges?expand[]=data.nonsense").await.0, 200);
    paid(&stand_in).await;
    assert_eq!(get(&stand_in, "/v1/charges?expand[]=data.nonsense").await.0, 400);
    assert_eq!(get(&stand_in, "/v1/checkout/sessions?limit=101").await.0, 400);
    assert_eq!(get(&stand_in, "/v1/checkout/sessions?status=done").await.0, 400);
    let old = request(&stand_in, Method::GET, "/v1/charges").header("stripe-version", "2020-08-27");
    assert_eq!(json(old.send().await.unwrap()).await.0, 400);
    let now = request(&stand_in, Method::GET, "/v1/charges").header("stripe-version", "2026-07-29.dahlia");
    let response = now.send().await.unwrap();
    assert!(response.headers()["request-id"].to_str().unwrap().starts_with("req_"));
    assert_eq!(json(response).await.0, 200);
}

#[tokio::test]
async fn a_sweep_pages_through_the_completed_sessions_of_a_link() {
    let stand_in = stand_in().await;
    let other = stand_in.add_payment_link("usd", None);
    let mut sessions = Vec::new();
    for number in 0..5 {
        let mut request = PayRequest::new(100 + number, "a-b");
        if number == 2 {
            request.payment_link = other["id"].as_str().map(str::to_owned);
        }
        sessions.push(stand_in.pay(&request).await.unwrap()["id"].clone());
    }
    let link = stand_in.payment_link_id();
    let mut seen = Vec::new();
    let mut path = format!("/v1/checkout/sessions?payment_link={link}&status=complete&limit=3&created[gte]=1");
    loop {
        let (status, page) = get(&stand_in, &path).await;
        assert_eq!(status, 200, "{page}");
        seen.extend(page["data"].as_array().unwrap().iter().map(|session| session["id"].clone()));
        if page["has_more"] != true {
            break;
        }
        let last = seen.last().unwrap().as_str().unwrap();
        path = format!("/v1/checkout/sessions?payment_link={link}&status=complete&limit=3&starting_after={last}");
    }
    sessions.remove(2);
    sessions.reverse();
    assert_eq!(seen, sessions);
    let future = stand_in.clock().now_s() + 100;
    let (_, none) = get(&stand_in, &format!("/v1/checkout/sessions?created[gte]={future}")).await;
    assert_eq!(none["data"], serde_json::json!([]));
}

#[tokio::test]
async fn refunds_never_exceed_the_charge() {
    let stand_in = stand_in().await;
    let session = paid(&stand_in).await;
    let intent = session["payment_intent"].as_str().unwrap();
    let charge = charge_of(&stand_in, &session);
    let (status, refund) = post_form(&stand_in, "/v1/refunds", &format!("payment_intent={intent}&amount=500")).await;
    assert_eq!((status, &refund["status"], &refund["charge"]), (200, &"succeeded".into(), &charge.clone().into()));
    let (status, body) = post_form(&stand_in, "/v1/refunds", &format!("charge={charge}&amount=1001")).await;
    assert_eq!((status, &body["error"]["param"]), (400, &"amount".into()));
    assert_eq!(post_form(&stand_in, "/v1/refunds", &format!("charge={charge}&amount=0")).await.0, 400);
    assert_eq!(post_form(&stand_in, "/v1/refunds", "amount=1").await.1["error"]["code"], "parameter_missing");
    assert_eq!(post_form(&stand_in, "/v1/refunds", &format!("charge={charge}")).await.1["amount"], 1000);
    let (status, body) = post_form(&stand_in, "/v1/refunds", &format!("charge={charge}")).await;
    assert_eq!((status, &body["error"]["code"]), (400, &"charge_already_refunded".into()));
    let (_, list) = get(&stand_in, &format!("/v1/refunds?payment_intent={intent}")).await;
    assert_eq!(list["data"].as_array().unwrap().len(), 2);
    assert_eq!(get(&stand_in, &format!("/v1/charges/{charge}")).await.1["refunded"], true);
}

#[tokio::test]
async fn an_idempotency_key_answers_the_same_again() {
    let stand_in = stand_in().await;
    let charge = charge_of(&stand_in, &paid(&stand_in).await);
    let refund = async |key: &str, form: String| {
        let request = request(&stand_in, Method::POST, "/v1/refunds").header("idempotency-key", key);
        let response = request.body(form).send().await.unwrap();
        let replayed = response.headers().contains_key("idempotent-replayed");
        let (status, body) = json(response).await;
        (status, body, replayed)
    };
    let first = refund("one", format!("charge={charge}&amount=100")).await;
    let again = refund("one", format!("amount=100&charge={charge}")).await;
    assert_eq!((first.0, first.2, again.2), (200, false, true));
    assert_eq!(first.1, again.1);
    let other = refund("one", format!("charge={charge}&amount=200")).await;
    assert_eq!((other.0, &other.1["error"]["type"]), (400, &"idempotency_error".into()));
    // A request that was refused for its form leaves its key free.
    assert_eq!(refund("two", format!("charge={charge}&amout=1")).await.0, 400);
    assert_eq!(refund("two", format!("charge={charge}&amount=1")).await.0, 200);
    let charge = stand_in.object("charge", &charge).unwrap();
    assert_eq!(charge["amount_refunded"], 101);
}

#[tokio::test]
async fn a_seller_sets_up_a_link_and_an_endpoint() {
    let stand_in = stand_in().await;
    let (_, product) = post_form(&stand_in, "/v1/products", "name=Credit").await;
    let price = format!(
        "currency=eur&product={}&custom_unit_amount[enabled]=true&custom_unit_amount[minimum]=200",
        product["id"].as_str().unwrap()
    );
    let (status, price) = post_form(&stand_in, "/v1/prices", &price).await;
    assert_eq!(status, 200, "{price}");
    let link = format!(
        "line_items[0][price]={}&line_items[0][quantity]=1&after_completion[type]=redirect&\
         after_completion[redirect][url]=http://localhost/back?session_id={{CHECKOUT_SESSION_ID}}&metadata[by]=test",
        price["id"].as_str().unwrap()
    );
    let (status, link) = post_form(&stand_in, "/v1/payment_links", &link).await;
    assert_eq!(status, 200, "{link}");
    assert_eq!((&link["currency"], &link["metadata"]["by"]), (&"eur".into(), &"test".into()));
    let mut request = PayRequest::new(199, "a-b");
    request.payment_link = link["id"].as_str().map(str::to_owned);
    assert!(stand_in.pay(&request).await.is_err(), "below the minimum");
    request.amount = 200;
    assert_eq!(stand_in.pay(&request).await.unwrap()["currency"], "eur");

    let endpoint = "url=http://127.0.0.1:9/hook&enabled_events[]=refund.created";
    let (_, endpoint) = post_form(&stand_in, "/v1/webhook_endpoints", endpoint).await;
    assert!(endpoint["secret"].as_str().unwrap().starts_with("whsec_"));
    let path = format!("/v1/webhook_endpoints/{}", endpoint["id"].as_str().unwrap());
    assert!(get(&stand_in, &path).await.1.get("secret").is_none());
    assert_eq!(json(request_delete(&stand_in, &path).await).await.1["deleted"], true);
    assert_eq!(get(&stand_in, &path).await.0, 404);
}

async fn request_delete(stand_in: &StandIn, path: &str) -> reqwest::Response {
    request(stand_in, Method::DELETE, path).send().await.unwrap()
}

#[tokio::test]
async fn the_api_can_be_in_trouble() {
    let stand_in = stand_in().await;
    stand_in.set_api_fault(Some(ApiFault::RateLimited));
    let (status, body) = get(&stand_in, "/v1/charges").await;
    assert_eq!((status, &body["error"]["code"]), (429, &"rate_limit".into()));
    stand_in.set_api_fault(Some(ApiFault::Broken));
    assert_eq!(get(&stand_in, "/v1/charges").await.0, 500);
    stand_in.set_api_fault(Some(ApiFault::Garbage));
    let garbage = request(&stand_in, Method::GET, "/v1/charges").send().await.unwrap();
    assert!(serde_json::from_str::<Value>(&garbage.text().await.unwrap()).is_err());
    stand_in.set_api_fault(Some(ApiFault::Disconnect));
    let cut = request(&stand_in, Method::GET, "/v1/charges").send().await;
    assert!(match cut {
        Err(_) => true,
        Ok(response) => response.text().await.is_err(),
    });
    stand_in.set_api_fault(Some(ApiFault::Slow(Duration::from_millis(300))));
    let slow = request(&stand_in, Method::GET, "/v1/charges").timeout(Duration::from_millis(100)).send().await;
    assert!(slow.unwrap_err().is_timeout());
    stand_in.set_api_fault(None);
    assert_eq!(get(&stand_in, "/v1/charges").await.0, 200);
    assert!(stand_in.api_requests().iter().all(|request| request == "GET /v1/charges"));
}

#[tokio::test]
async fn the_first_link_stays_over_a_restart() {
    let (one, two) = (stand_in().await, stand_in().await);
    assert_eq!(one.payment_link_id(), two.payment_link_id());
    let path = |stand_in: &StandIn| stand_in.payment_link_url().rsplit('/').next().unwrap().to_owned();
    assert_eq!(path(&one), path(&two));
}
