//! The payment page, used as a browser without JavaScript uses it.

use cargo_stripeflare::stripe::{StandIn, StandInOptions};

use crate::support::{client, get, options, stand_in};

struct Page {
    status: u16,
    location: Option<String>,
    body: String,
}

async fn page(request: reqwest::RequestBuilder) -> Page {
    let response = request.send().await.unwrap();
    Page {
        status: response.status().as_u16(),
        location: response.headers().get("location").map(|location| location.to_str().unwrap().to_owned()),
        body: response.text().await.unwrap(),
    }
}

async fn open(stand_in: &StandIn, query: &str) -> Page {
    page(client().get(format!("{}{query}", stand_in.payment_link_url()))).await
}

/// Submits what the opened page holds, with these fields filled in.
async fn submit(stand_in: &StandIn, query: &str, session: &str, fields: &[(&str, &str)]) -> Page {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("session", session).extend_pairs(fields);
    let request = client()
        .post(format!("{}{query}", stand_in.payment_link_url()))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form.finish());
    page(request).await
}

fn session_in(page: &Page) -> String {
    let (_, rest) = page.body.split_once("name=\"session\" value=\"").unwrap();
    rest.split('"').next().unwrap().to_owned()
}

const FIELDS: [(&str, &str); 4] =
    [("amount", "12.50"), ("email", "payer@example.com"), ("name", "Zoë"), ("method", "visa")];

#[tokio::test]
async fn a_payer_is_sent_back_with_the_session() {
    let after_payment = Some("http://localhost:1/demo?session_id={CHECKOUT_SESSION_ID}".to_owned());
    let stand_in = StandIn::start(StandInOptions { after_payment, ..options() }).await.unwrap();
    let query = "?client_reference_id=acc-tag&prefilled_email=me%40example.com&utm_source=x";
    let opened = open(&stand_in, query).await;
    assert_eq!(opened.status, 200);
    assert!(opened.body.contains("No money moves") && opened.body.contains("value=\"me@example.com\""));
    let session = session_in(&opened);
    let sent = submit(&stand_in, query, &session, &FIELDS).await;
    assert_eq!(sent.status, 303);
    assert_eq!(sent.location.as_deref(), Some(format!("http://localhost:1/demo?session_id={session}").as_str()));
    let (_, found) = get(&stand_in, &format!("/v1/checkout/sessions/{session}")).await;
    assert_eq!((&found["amount_total"], &found["client_reference_id"]), (&1250.into(), &"acc-tag".into()));
    assert_eq!(found["customer_details"]["name"], "Zoë");

    let again = submit(&stand_in, query, &session, &FIELDS).await;
    assert_eq!(again.location, sent.location);
    assert_eq!(get(&stand_in, "/v1/charges").await.1["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_declined_card_keeps_the_payer_on_the_page() {
    let stand_in = stand_in().await;
    let session = session_in(&open(&stand_in, "").await);
    let declined = [("preset", "10.00"), ("email", "payer@example.com"), ("method", "declined")];
    let page = submit(&stand_in, "", &session, &declined).await;
    assert_eq!(page.status, 402);
    assert!(page.body.contains("Your card was declined."));
    let (_, open) = get(&stand_in, &format!("/v1/checkout/sessions/{session}?expand[]=payment_intent")).await;
    assert_eq!((&open["status"], &open["payment_status"]), (&"open".into(), &"unpaid".into()));
    assert_eq!(open["payment_intent"]["last_payment_error"]["code"], "card_declined");
    assert!(stand_in.events().iter().all(|event| event["type"] != "checkout.session.completed"));

    let paid = submit(&stand_in, "", &session_in(&page), &FIELDS).await;
    assert_eq!(paid.status, 200);
    assert!(paid.body.contains("Thanks for your payment"));
    let (_, complete) = get(&stand_in, &format!("/v1/checkout/sessions/{session}")).await;
    assert_eq!(complete["payment_status"], "paid");
    assert_eq!(complete["payment_intent"], open["payment_intent"]["id"]);
}

#[tokio::test]
async fn a_reference_that_stripe_drops_is_dropped_and_the_payment_happens() {
    let stand_in = stand_in().await;
    for query in
        ["?client_reference_id=a%20b", "?client_reference_id=", &format!("?client_reference_id={}", "x".repeat(201))]
    {
        let session = session_in(&open(&stand_in, query).await);
        assert_eq!(submit(&stand_in, query, &session, &FIELDS).await.status, 200);
        let (_, found) = get(&stand_in, &format!("/v1/checkout/sessions/{session}")).await;
        assert_eq!(
            (&found["client_reference_id"], &found["payment_status"]),
            (&serde_json::Value::Null, &"paid".into())
        );
    }
}

#[tokio::test]
async fn a_locked_address_stays() {
    let stand_in = stand_in().await;
    let query = "?locked_prefilled_email=locked%40example.com";
    let opened = open(&stand_in, query).await;
    assert!(opened.body.contains("readonly"));
    let session = session_in(&opened);
    submit(&stand_in, query, &session, &FIELDS).await;
    let (_, found) = get(&stand_in, &format!("/v1/checkout/sessions/{session}")).await;
    assert_eq!(found["customer_details"]["email"], "locked@example.com");
}

#[tokio::test]
async fn nonsense_is_refused_with_words() {
    let stand_in = stand_in().await;
    for (field, value) in
        [("amount", "0.49"), ("amount", "10000.01"), ("amount", "ten"), ("email", "nobody"), ("method", "gold")]
    {
        let mut fields = FIELDS;
        for known in &mut fields {
            if known.0 == field {
                known.1 = value;
            }
        }
        let page = submit(&stand_in, "", "", &fields).await;
        assert_eq!(page.status, 400, "{field}={value}");
        assert!(page.body.contains("role=\"alert\""), "{field}={value}");
    }
    assert!(stand_in.events().is_empty());
    let nowhere = page(client().get(format!("{}/pay/test_nowhere", stand_in.api_base()))).await;
    assert_eq!(nowhere.status, 404);
}
