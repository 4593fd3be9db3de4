//! Restricted keys: what each may do, and how Stripe refuses.

use std::collections::BTreeMap;

use cargo_stripeflare::stripe::Permission::{Read, Write};
use cargo_stripeflare::stripe::{PayRequest, Permission, Resource, StandIn, StandInOptions};
use reqwest::Method;
use serde_json::Value;

use crate::support::{client, json, options};

const RESTRICTED: &str = "rk_test_1234567890abcd";

async fn with(permissions: &[Permission]) -> StandIn {
    let restricted_keys = BTreeMap::from([(RESTRICTED.to_owned(), permissions.to_vec())]);
    StandIn::start(StandInOptions { restricted_keys, ..options() }).await.unwrap()
}

async fn ask(stand_in: &StandIn, method: Method, path: &str, form: &str) -> (u16, Value) {
    let request = client().request(method, format!("{}{path}", stand_in.api_base())).bearer_auth(RESTRICTED);
    json(request.body(form.to_owned()).send().await.unwrap()).await
}

async fn get(stand_in: &StandIn, path: &str) -> (u16, Value) {
    ask(stand_in, Method::GET, path, "").await
}

#[tokio::test]
async fn what_a_key_was_not_given_is_forbidden_by_name() {
    let stand_in = with(&[]).await;
    let permissions = [
        ("events", "event"),
        ("refunds", "charge"),
        ("charges", "charge"),
        ("disputes", "dispute"),
        ("payment_links", "payment_links"),
        ("checkout/sessions", "checkout_session"),
        ("payment_intents", "payment_intent"),
        ("prices", "plan"),
        ("products", "product"),
        ("webhook_endpoints", "webhook"),
    ];
    for (path, name) in permissions {
        let (status, refusal) = get(&stand_in, &format!("/v1/{path}")).await;
        assert_eq!((status, &refusal["error"]["type"]), (403, &"invalid_request_error".into()), "{path}");
        let message = refusal["error"]["message"].as_str().unwrap();
        assert!(message.contains(&format!("'rak_{name}_read'")), "{message}");
        assert!(message.contains("'rk_test_**********abcd'") && message.contains("on account 'acct_"), "{message}");
    }
    assert_eq!(get(&stand_in, "/v1/subscriptions").await.0, 404);
}

#[tokio::test]
async fn a_key_does_what_it_was_given_and_no_more() {
    let stand_in = with(&[Read(Resource::Charges), Write(Resource::Products)]).await;
    stand_in.pay(&PayRequest::new(500, "acc-tag")).await.unwrap();
    assert_eq!(get(&stand_in, "/v1/charges").await.0, 200);
    assert_eq!(get(&stand_in, "/v1/refunds").await.0, 200);
    let (status, refusal) = ask(&stand_in, Method::POST, "/v1/refunds", "charge=ch_1").await;
    assert_eq!(status, 403);
    assert!(refusal["error"]["message"].as_str().unwrap().contains("'rak_charge_write'"));
    assert_eq!(ask(&stand_in, Method::POST, "/v1/products", "name=Credit").await.0, 200);
    assert_eq!(get(&stand_in, "/v1/products").await.0, 200);
    assert_eq!(get(&stand_in, "/v1/events").await.0, 403);
    stand_in.set_permissions(RESTRICTED, &[Read(Resource::Events)]);
    assert_eq!(get(&stand_in, "/v1/events").await.0, 200);
    assert_eq!(get(&stand_in, "/v1/charges").await.0, 403);
}

#[tokio::test]
async fn what_is_expanded_has_to_be_readable() {
    let stand_in = with(&[Read(Resource::CheckoutSessions)]).await;
    let session = stand_in.pay(&PayRequest::new(500, "acc-tag")).await.unwrap();
    let path = format!("/v1/checkout/sessions/{}?expand[]=payment_intent", session["id"].as_str().unwrap());
    assert_eq!(get(&stand_in, &path).await.0, 200, "it belongs to the session");
    let (status, refusal) = get(&stand_in, &format!("{path}.latest_charge")).await;
    assert_eq!(status, 403);
    assert!(refusal["error"]["message"].as_str().unwrap().contains("'rak_charge_read'"));
    stand_in.set_permissions(RESTRICTED, &[Read(Resource::CheckoutSessions), Read(Resource::Charges)]);
    assert_eq!(get(&stand_in, &format!("{path}.latest_charge")).await.0, 200);
}

#[tokio::test]
async fn a_worker_may_have_a_restricted_key_of_its_own() {
    let restricted_keys = BTreeMap::from([(RESTRICTED.to_owned(), vec![Read(Resource::Charges)])]);
    let options = StandInOptions { secret_key: RESTRICTED.to_owned(), restricted_keys, ..options() };
    let stand_in = StandIn::start(options).await.unwrap();
    assert_eq!(get(&stand_in, "/v1/charges").await.0, 200);
    assert_eq!(get(&stand_in, "/v1/events").await.0, 403);
    let vars = stand_in.vars();
    assert_eq!((&*vars["STRIPE_SECRET"], &*vars["STRIPE_PUBLISHABLE_KEY"]), (RESTRICTED, "pk_test_1234567890abcd"));
}
