//! The hosted payment page. Plain forms: it works without JavaScript, as its tests do.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, RawForm, RawQuery, State as Extract};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use serde_json::Value;

use super::shared::Inner;
use crate::stripe::model::method::{DECLINING_CARD, Method};
use crate::stripe::resources::payment_links::{PAY_PATH, amount_range, methods};
use crate::stripe::resources::payments::{Paid, PayRequest, usable_reference};
use crate::stripe::wire::json::text;
use crate::stripe::wire::{currency, ids};

/// What the page offers, in this order.
const CHOICES: [Choice; 10] = [
    Choice { value: "visa", kind: "card", label: "Visa", hint: "4242 4242 4242 4242" },
    Choice { value: "visa_debit", kind: "card", label: "Another Visa", hint: "4000 0566 5566 5556" },
    Choice { value: "mastercard", kind: "card", label: "Mastercard", hint: "5555 5555 5555 4444" },
    Choice { value: "amex", kind: "card", label: "American Express", hint: "3782 822463 10005" },
    Choice {
        value: "wallet",
        kind: "card",
        label: "Card in a phone",
        hint: "like Apple Pay; Stripe tells no fingerprint",
    },
    Choice { value: "declined", kind: "card", label: "A card that is declined", hint: "4000 0000 0000 0002" },
    Choice { value: "link", kind: "link", label: "Link", hint: "with the e-mail address above as the Link account" },
    Choice {
        value: "link_bank",
        kind: "card",
        label: "Link, from a bank account",
        hint: "shows up as a card ending in 0000",
    },
    Choice { value: "debit", kind: "us_bank_account", label: "Bank debit", hint: "paid later" },
    Choice { value: "debit_fails", kind: "us_bank_account", label: "Bank debit that fails", hint: "fails later" },
];

struct Choice {
    value: &'static str,
    /// `type` of the payment method.
    kind: &'static str,
    label: &'static str,
    hint: &'static str,
}

impl Choice {
    fn is(&self, method: &str) -> bool {
        self.value == method
    }
}

#[derive(Template)]
#[template(path = "pay.html")]
struct PayPage<'a> {
    /// Where the form goes: the page's own address with its query.
    action: &'a str,
    session: &'a str,
    currency: &'a str,
    /// `None` where the price is fixed.
    choice_of_amount: Option<AmountChoice>,
    amount: &'a str,
    amount_shown: &'a str,
    email: &'a str,
    email_locked: bool,
    name: &'a str,
    method: &'a str,
    choices: Vec<&'a Choice>,
    /// What the seller wants to be read before paying.
    message: Option<&'a str>,
    /// Whether tax is added.
    taxed: bool,
    error: Option<&'a str>,
    reference: Option<&'a str>,
}

struct AmountChoice {
    least: String,
    most: String,
    step: &'static str,
    presets: Vec<Preset>,
}

struct Preset {
    value: String,
    shown: String,
}

#[derive(Template)]
#[template(path = "message.html")]
struct MessagePage<'a> {
    title: &'a str,
    message: &'a str,
}

/// What the link's address says beyond the link.
#[derive(Default)]
struct Query {
    client_reference_id: Option<String>,
    prefilled_email: Option<String>,
    locked_prefilled_email: Option<String>,
}

impl Query {
    /// `prefilled_promo_code`, `locale` and `utm_*` are taken and change nothing here; so is what Stripe does not know.
    fn parse(query: &str) -> Self {
        let mut parsed = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let value = Some(value.into_owned()).filter(|value| !value.is_empty());
            match name.as_ref() {
                "client_reference_id" => parsed.client_reference_id = value,
                "prefilled_email" => parsed.prefilled_email = value,
                "locked_prefilled_email" => parsed.locked_prefilled_email = value,
                _ => {}
            }
        }
        parsed
    }
}

/// What the payer typed.
#[derive(Default)]
struct Form {
    session: String,
    preset: Option<String>,
    amount: String,
    email: String,
    name: String,
    method: String,
}

impl Form {
    fn parse(body: &[u8]) -> Self {
        let mut form = Self::default();
        for (name, value) in form_urlencoded::parse(body) {
            let value = value.trim().to_owned();
            match name.as_ref() {
                "session" => form.session = value,
                "preset" => form.preset = Some(value),
                "amount" => form.amount = value,
                "email" => form.email = value,
                "name" => form.name = value,
                "method" => form.method = value,
                _ => {}
            }
        }
        form
    }

    fn method(&self) -> Option<Method> {
        let card = |number: &str| Some(Method::Card(number.to_owned()));
        match self.method.as_str() {
            "visa" => Some(Method::visa()),
            "visa_debit" => card("4000056655665556"),
            "mastercard" => card("5555555555554444"),
            "amex" => card("378282246310005"),
            "wallet" => Some(Method::Wallet { device_number: None }),
            "declined" => card(DECLINING_CARD),
            "link" => Some(Method::Link(self.email.to_ascii_lowercase())),
            "link_bank" => Some(Method::LinkBankAsCard),
            "debit" => Some(Method::BankDebit { succeeds: true }),
            "debit_fails" => Some(Method::BankDebit { succeeds: false }),
            _ => None,
        }
    }
}

/// `GET /pay/{path}`
pub(crate) async fn show(
    Extract(inner): Extract<Arc<Inner>>,
    Path(path): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    let query = query.unwrap_or_default();
    let Some((link, price)) = find_link(&inner, &path) else {
        return no_such_link();
    };
    if link["active"] != true {
        return inactive(&link);
    }
    let parsed = Query::parse(&query);
    let currency = text(&link, "currency");
    let (least, most) = amount_range(&price);
    let preset = price["custom_unit_amount"]["preset"].as_i64().unwrap_or(500).clamp(least, most);
    let form = Form {
        session: ids::session(inner.lock().account.livemode),
        amount: currency::decimal(preset, &currency),
        email: parsed.locked_prefilled_email.clone().or(parsed.prefilled_email.clone()).unwrap_or_default(),
        method: "visa".to_owned(),
        ..Form::default()
    };
    pay_page(&link, &price, &path, &query, &form, None, StatusCode::OK)
}

/// `POST /pay/{path}`
pub(crate) async fn submit(
    Extract(inner): Extract<Arc<Inner>>,
    Path(path): Path<String>,
    RawQuery(query): RawQuery,
    RawForm(body): RawForm,
) -> Response {
    let query = query.unwrap_or_default();
    let Some((link, price)) = find_link(&inner, &path) else {
        return no_such_link();
    };
    if link["active"] != true {
        return inactive(&link);
    }
    let mut form = Form::parse(&body);
    // A second click, or a reload: this session is paid.
    let paid = inner.lock().find("checkout.session", &form.session).filter(|it| it["status"] == "complete").cloned();
    if let Some(session) = paid.filter(|session| session["payment_link"] == link["id"]) {
        return after_completion(&link, &session);
    }
    let parsed = Query::parse(&query);
    if let Some(email) = &parsed.locked_prefilled_email {
        form.email.clone_from(email);
    }
    let refuse =
        |form: &Form, error: &str| pay_page(&link, &price, &path, &query, form, Some(error), StatusCode::BAD_REQUEST);
    let request = match read(&form, &parsed, &link, &price) {
        Ok(request) => request,
        Err(error) => return refuse(&form, &error),
    };
    match inner.pay(&request, Some(&form.session)).await {
        Ok(Paid::Complete { session, .. }) => after_completion(&link, &session),
        Ok(Paid::Declined { session }) => {
            form.session = text(&session, "id");
            let error = Some("Your card was declined.");
            pay_page(&link, &price, &path, &query, &form, error, StatusCode::PAYMENT_REQUIRED)
        }
        Err(error) => refuse(&form, &error.to_string()),
    }
}

fn read(form: &Form, query: &Query, link: &Value, price: &Value) -> Result<PayRequest, String> {
    let currency = text(link, "currency");
    let (least, most) = amount_range(price);
    let amount = if least == most {
        least
    } else {
        let typed = form.preset.as_ref().unwrap_or(&form.amount);
        let range = format!("between {} and {}", currency::shown(least, &currency), currency::shown(most, &currency));
        currency::parse(typed, &currency)
            .filter(|amount| (least..=most).contains(amount))
            .ok_or_else(|| format!("Please enter an amount {range}."))?
    };
    let plausible = form.email.split_once('@').is_some_and(|(name, host)| !name.is_empty() && host.contains('.'));
    if !plausible {
        return Err("Please enter your e-mail address.".to_owned());
    }
    Ok(PayRequest {
        payment_link: Some(text(link, "id")),
        amount,
        client_reference_id: query.client_reference_id.clone(),
        email: form.email.clone(),
        name: Some(form.name.clone()).filter(|name| !name.is_empty()),
        method: form.method().ok_or("Please choose how to pay.")?,
        tax: if is_taxed(link) { tenth(amount, &currency) } else { 0 },
        shipping: 0,
        discount: 0,
    })
}

fn is_taxed(link: &Value) -> bool {
    link["automatic_tax"]["enabled"] == true
}

/// What the page takes for tax.
fn tenth(amount: i64, currency: &str) -> i64 {
    let tax = amount / 10;
    if currency::is_whole(tax, currency) { tax } else { tax - tax % 100 }
}

fn find_link(inner: &Inner, path: &str) -> Option<(Value, Value)> {
    let state = inner.lock();
    let url = format!("{}{PAY_PATH}{path}", state.account.url);
    let link = state.all("payment_link").find(|link| link["url"] == url.as_str())?.clone();
    let price = state.price_of(&link);
    Some((link, price))
}

fn pay_page(
    link: &Value,
    price: &Value,
    path: &str,
    query: &str,
    form: &Form,
    error: Option<&str>,
    status: StatusCode,
) -> Response {
    let currency = text(link, "currency");
    let (least, most) = amount_range(price);
    let parsed = Query::parse(query);
    let choice_of_amount = (least != most).then(|| AmountChoice {
        least: currency::decimal(least, &currency),
        most: currency::decimal(most, &currency),
        step: match currency::decimals(&currency) {
            0 => "1",
            3 => "0.001",
            _ => "0.01",
        },
        presets: presets(&currency, least, most),
    });
    let page = PayPage {
        action: &if query.is_empty() { format!("{PAY_PATH}{path}") } else { format!("{PAY_PATH}{path}?{query}") },
        session: &form.session,
        currency: &currency.to_uppercase(),
        choice_of_amount,
        amount: &form.amount,
        amount_shown: &currency::shown(least, &currency),
        email: &form.email,
        email_locked: parsed.locked_prefilled_email.is_some(),
        name: &form.name,
        method: &form.method,
        choices: CHOICES.iter().filter(|choice| methods(link).contains(&choice.kind)).collect(),
        message: link["custom_text"]["submit"]["message"].as_str(),
        taxed: is_taxed(link),
        error,
        reference: usable_reference(parsed.client_reference_id.as_deref()),
    };
    html(status, &page)
}

fn presets(currency: &str, least: i64, most: i64) -> Vec<Preset> {
    let unit = 10_i64.pow(u32::try_from(currency::decimals(currency)).unwrap_or(2));
    // A yen is about a cent.
    let scale = if unit == 1 { 100 } else { unit };
    [5, 10, 20]
        .into_iter()
        .map(|amount| amount * scale)
        .filter(|amount| (least..=most).contains(amount))
        .map(|amount| Preset { value: currency::decimal(amount, currency), shown: currency::shown(amount, currency) })
        .collect()
}

fn after_completion(link: &Value, session: &Value) -> Response {
    let Some(url) = link["after_completion"]["redirect"]["url"].as_str() else {
        let custom = link["after_completion"]["hosted_confirmation"]["custom_message"].as_str();
        let message = custom.unwrap_or("You can close this page.");
        return html(StatusCode::OK, &MessagePage { title: "Thanks for your payment", message });
    };
    let url = url.replace("{CHECKOUT_SESSION_ID}", &text(session, "id"));
    match HeaderValue::from_str(&url) {
        Ok(url) => (StatusCode::SEE_OTHER, [(header::LOCATION, url)]).into_response(),
        Err(_) => {
            let message = "The payment is made, but the link's redirect is no address.";
            html(StatusCode::OK, &MessagePage { title: "Thanks for your payment", message })
        }
    }
}

fn inactive(link: &Value) -> Response {
    let message = link["inactive_message"].as_str().unwrap_or("This link is no longer active.");
    html(StatusCode::OK, &MessagePage { title: "The link is no longer active", message })
}

fn no_such_link() -> Response {
    let message = "The stand-in forgets everything when it stops; its own link is in the worker's .dev.vars.";
    html(StatusCode::NOT_FOUND, &MessagePage { title: "There is no such payment link", message })
}

fn html(status: StatusCode, page: &impl Template) -> Response {
    match page.render() {
        Ok(page) => (status, [(header::CACHE_CONTROL, "no-store")], Html(page)).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_choice_is_a_method() {
        for choice in CHOICES {
            let form = Form { method: choice.value.to_owned(), ..Form::default() };
            assert_eq!(form.method().map(|method| method.kind()), Some(choice.kind), "{}", choice.value);
        }
    }

    #[test]
    fn what_is_typed_is_escaped() {
        let form = Form { name: "\"><script>".to_owned(), ..Form::default() };
        let link = serde_json::json!({ "currency": "usd" });
        let page = pay_page(&link, &serde_json::json!({}), "x", "a=\"><script>", &form, None, StatusCode::OK);
        let body = futures_body(page);
        assert!(!body.contains("<script"), "{body}");
    }

    fn futures_body(response: Response) -> String {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let bytes = runtime.block_on(axum::body::to_bytes(response.into_body(), usize::MAX)).unwrap();
        String::from_utf8(bytes.to_vec()).unwrap()
    }
}
