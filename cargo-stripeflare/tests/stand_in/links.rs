//! Payment links: what a seller says of them, and what that does to a payment.

use cargo_stripeflare::stripe::{ApiFault, Method as PayBy, PayRequest, StandIn};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{client, get, json as read, post_form, request, stand_in};

/// A link of this seller's with more parameters.
async fn link(stand_in: &StandIn, more: &str) -> (u16, Value) {
    let (_, product) = post_form(stand_in, "/v1/products", "name=Credit").await;
    let product = product["id"].as_str().unwrap();
    let price = format!("currency=usd&product={product}&custom_unit_amount[enabled]=true");
    let (_, price) = post_form(stand_in, "/v1/prices", &price).await;
    let items = format!("line_items[0][price]={}&line_items[0][quantity]=1", price["id"].as_str().unwrap());
    post_form(stand_in, "/v1/payment_links", &format!("{items}&{more}")).await
}

async fn page(link: &Value) -> String {
    client().get(link["url"].as_str().unwrap()).send().await.unwrap().text().await.unwrap()
}

fn through(link: &Value, amount: i64) -> PayRequest {
    PayRequest { payment_link: link["id"].as_str().map(str::to_owned), ..PayRequest::new(amount, "acc-tag") }
}

#[tokio::test]
async fn a_links_message_is_read_before_paying() {
    let stand_in = stand_in().await;
    let (status, warned) =
        link(&stand_in, "custom_text[submit][message]=Do+not+pay+%3Cb%3Efor%3C/b%3E+strangers.").await;
    assert_eq!(
        (status, &warned["custom_text"]["submit"]["message"]),
        (200, &json!("Do not pay <b>for</b> strangers."))
    );
    let shown = page(&warned).await;
    let (message, button) = (shown.find("id=\"message\"").unwrap(), shown.find("type=\"submit\"").unwrap());
    assert!(message < button && !shown.contains("<b>for"), "{shown}");
    let session = stand_in.pay(&through(&warned, 500)).await.unwrap();
    assert_eq!(session["custom_text"], warned["custom_text"]);
    let (_, silent) = link(&stand_in, "").await;
    assert!(silent["custom_text"]["submit"].is_null() && !page(&silent).await.contains("id=\"message\""));
    let long = format!("custom_text[submit][message]={}", "x".repeat(1201));
    assert_eq!(link(&stand_in, &long).await.0, 400);
    assert_eq!(link(&stand_in, "custom_text[somewhere][message]=x").await.1["error"]["code"], "parameter_unknown");
}

#[tokio::test]
async fn a_link_takes_what_it_names() {
    let stand_in = stand_in().await;
    let (_, cards) = link(&stand_in, "payment_method_types[0]=card&payment_method_types[1]=link").await;
    let debit = PayBy::BankDebit { succeeds: true };
    let refusal = stand_in.pay(&through(&cards, 500).method(debit)).await.unwrap_err().to_string();
    assert!(refusal.contains("us_bank_account"), "{refusal}");
    let shown = page(&cards).await;
    assert!(shown.contains("value=\"visa\"") && shown.contains("value=\"link\"") && !shown.contains("value=\"debit\""));
    let session = stand_in.pay(&through(&cards, 500).method(PayBy::Link("a@example.com".into()))).await.unwrap();
    assert_eq!(session["payment_method_types"], json!(["card", "link"]));
    assert_eq!(link(&stand_in, "payment_method_types[]=gold").await.0, 400);
    assert_eq!(
        link(&stand_in, "after_completion[type]=redirect&after_completion[redirect][url]=a.example").await.0,
        400
    );
}

#[tokio::test]
async fn tax_shipping_and_discounts_are_told_apart() {
    let stand_in = stand_in().await;
    let request = PayRequest { tax: 95, shipping: 300, discount: 50, ..PayRequest::new(1000, "acc-tag") };
    let session = stand_in.pay(&request).await.unwrap();
    assert_eq!((&session["amount_subtotal"], &session["amount_total"]), (&json!(1000), &json!(1345)));
    let details = json!({ "amount_discount": 50, "amount_shipping": 300, "amount_tax": 95 });
    assert_eq!(session["total_details"], details);
    let (_, intent) =
        get(&stand_in, &format!("/v1/payment_intents/{}", session["payment_intent"].as_str().unwrap())).await;
    assert_eq!(intent["amount_received"], 1345);

    let (_, taxed) = link(&stand_in, "automatic_tax[enabled]=true&invoice_creation[enabled]=true").await;
    assert!(page(&taxed).await.contains("added as tax"));
    let form = "session=&amount=20.00&email=payer@example.com&method=visa";
    let request = client().post(taxed["url"].as_str().unwrap());
    let request = request.header("content-type", "application/x-www-form-urlencoded").body(form);
    assert_eq!(request.send().await.unwrap().status().as_u16(), 200);
    let (_, sessions) = get(&stand_in, "/v1/checkout/sessions?limit=1").await;
    let session = &sessions["data"][0];
    assert_eq!((&session["amount_subtotal"], &session["amount_total"]), (&json!(2000), &json!(2200)));
    assert_eq!(session["automatic_tax"]["status"], "complete");
    assert!(session["invoice"].as_str().unwrap().starts_with("in_"));
}

#[tokio::test]
async fn a_reference_may_have_a_third_part() {
    let stand_in = stand_in().await;
    let account_and_tag = "abcdefghijklmnopqrstuvwxyz-abcdefgh12345678";
    for reference in
        [format!("{account_and_tag}-mark_OF-a-Browser"), format!("{account_and_tag}-{}", "m".repeat(157 - 1))]
    {
        let session = stand_in.pay(&PayRequest::new(500, &*reference)).await.unwrap();
        assert_eq!(session["client_reference_id"], *reference);
    }
    for dropped in [
        format!("{account_and_tag}-{}", "m".repeat(157)),
        format!("{account_and_tag}-märk"),
        format!("{account_and_tag}.mark"),
    ] {
        let session = stand_in.pay(&PayRequest::new(500, &*dropped)).await.unwrap();
        assert_eq!(
            (&session["client_reference_id"], &session["payment_status"]),
            (&Value::Null, &json!("paid")),
            "{dropped}"
        );
    }
}

#[tokio::test]
async fn an_answer_that_was_lost_is_had_again_by_its_key() {
    let stand_in = stand_in().await;
    stand_in.set_api_fault_at("POST /v1/products", ApiFault::LostAnswer, 1);
    let make = || request(&stand_in, Method::POST, "/v1/products").header("idempotency-key", "one").body("name=Credit");
    assert!(match make().send().await {
        Err(_) => true,
        Ok(response) => response.text().await.is_err(),
    });
    let made = stand_in.objects("product");
    let (status, again) = read(make().send().await.unwrap()).await;
    assert_eq!((status, stand_in.objects("product").len()), (200, made.len()), "nothing is made twice");
    assert_eq!(again, *made.last().unwrap());
}
