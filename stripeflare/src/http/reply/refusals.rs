//! What a caller is told whose account could not pay for a call, or whose token does not do.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::HeaderValue;
use http::StatusCode;
use http::header::RETRY_AFTER;
use serde::Serialize;
use stripeflare_core::account::{Cap, Denied, MAX_TOKENS, NotClosed, Short};
use stripeflare_core::money::Cents;
use stripeflare_core::stripe::named;

use crate::http::reply::answer::{Answer, X_BALANCE, X_PAYMENT_LINK, X_PRICE, header};
use crate::http::reply::html::page;

/// 402, and what is needed to pay.
pub(crate) struct PaymentRequired<'a> {
    pub(crate) price: Cents,
    pub(crate) balance: Cents,
    /// Lowercase ISO code.
    pub(crate) currency: &'a str,
    pub(crate) payment_link: &'a str,
    /// For a caller that keeps no cookies.
    pub(crate) access_token: Option<String>,
}

#[derive(Serialize)]
struct Body<'a> {
    error: &'static str,
    message: String,
    price: Cents,
    balance: Cents,
    #[serde(rename = "paymentLink")]
    payment_link: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    access_token: Option<String>,
}

impl PaymentRequired<'_> {
    /// As a page, for a person, or as JSON.
    pub(crate) fn response(self, for_person: bool) -> Response {
        let Self { price, balance, currency, payment_link, access_token } = self;
        let (needed, there) = (named(price, currency), named(balance, currency));
        let mut response = if for_person {
            let body = format!(
                "<p>This page needs {needed} of credit. Your balance is {there}.</p>\
                 <p><a class=\"button\" href=\"/topup\">Add credit</a></p>"
            );
            page(StatusCode::PAYMENT_REQUIRED, "Credit needed", &body)
        } else {
            let message = if price.is_positive() {
                format!(
                    "This call needs {needed} of credit; your balance is {there}. Add credit at paymentLink and call again."
                )
            } else {
                "This call needs an account that was paid into. Add credit at paymentLink and call again.".into()
            };
            let body = Body { error: "payment_required", message, price, balance, payment_link, access_token };
            (StatusCode::PAYMENT_REQUIRED, Json(body)).into_response()
        };
        let headers = response.headers_mut();
        headers.insert(X_PRICE, header(0));
        headers.insert(X_BALANCE, header(balance));
        headers.insert(X_PAYMENT_LINK, header(payment_link));
        response
    }
}

/// # Errors
/// The balance that a payment has to raise: [`PaymentRequired`] is the answer.
pub(crate) fn short(price: Cents, short: &Short, currency: &str) -> Result<Response, Cents> {
    let named = |amount: &Cents| named(*amount, currency);
    let answer = match short {
        Short::Insufficient { balance, available } if *balance >= price && *available < price => held(&format!(
            "This call needs {}. Of your balance of {}, {} are held by calls that still run.",
            named(&price),
            named(balance),
            named(&(*balance - *available)),
        )),
        Short::Insufficient { balance, .. } => return Err(*balance),
        Short::TokenCap { left, .. } if *left >= price => {
            held(&format!("This token may spend {} more, held by calls that still run.", named(left)))
        }
        Short::TokenCap { cap, limit, left } => {
            let (per, cap) = match cap {
                Cap::Day => (" a day", "today"),
                Cap::Total => ("", "in all"),
            };
            let message = format!(
                "This call needs {}. The token it came with may spend {}{per}, and has {} left {cap}.",
                named(&price),
                named(limit),
                named(left),
            );
            let mut response: Response = Answer::new(StatusCode::PAYMENT_REQUIRED, "token_cap", message).into();
            response.headers_mut().insert(X_PRICE, header(0));
            response
        }
    };
    Ok(answer)
}

pub(crate) fn too_many_holds() -> Response {
    held("This account has as many calls running as it may have at once.")
}

/// The object of the account is nearly as large as one may be; payments still come in.
pub(crate) fn full() -> Response {
    let message = "This account has as long a history as it may have: no call can be charged to it. Nothing was charged for this \
                   one. Ask whoever runs this service.";
    Answer::new(StatusCode::INSUFFICIENT_STORAGE, "account_full", message).into()
}

pub(crate) fn key_reused() -> Response {
    Answer::new(StatusCode::CONFLICT, "key_reused", "This key was used for another amount, or more than 24 hours ago.")
        .into()
}

pub(crate) fn too_many_tokens() -> Response {
    let message = format!("An account has at most {MAX_TOKENS} access tokens. End one that is not used.");
    Answer::new(StatusCode::CONFLICT, "too_many_tokens", message).into()
}

pub(crate) fn rotated() -> Response {
    let message = "This access token has a new secret already, and the old one asks for no other. Use the new one, or \
         repeat the call that made it, with its Idempotency-Key.";
    Answer::new(StatusCode::CONFLICT, "rotated", message).into()
}

pub(crate) fn last_token() -> Response {
    let message = "This is the last way to the account's money. Make another access token that manages first, or spend the money.";
    Answer::new(StatusCode::CONFLICT, "last_token", message).into()
}

pub(crate) fn not_closed(why: &NotClosed, currency: &str) -> Response {
    match why {
        NotClosed::MoneyLeft { amount } => {
            let message = format!(
                "Money is left: {}. Spend them, or say that you give them up: ?forfeit=true, or the box above the button.",
                named(*amount, currency),
            );
            Answer::new(StatusCode::CONFLICT, "money_left", message).into()
        }
        NotClosed::CallsRunning => held("Calls of this account still run."),
    }
}

/// Money is there but held: the same call works when others have ended.
fn held(message: &str) -> Response {
    let mut response: Response = Answer::new(StatusCode::TOO_MANY_REQUESTS, "held", message).into();
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

pub(crate) fn denied(why: Denied) -> Response {
    let (status, error, message) = match why {
        Denied::Wrong => (
            StatusCode::UNAUTHORIZED,
            "wrong_token",
            "This access token opens no account. Call without it to get a new one.",
        ),
        Denied::Expired => (StatusCode::UNAUTHORIZED, "token_expired", "The time of this access token is over."),
        Denied::Rights => (StatusCode::FORBIDDEN, "rights", "This access token only spends. Use one that manages."),
    };
    Answer::new(status, error, message).into()
}

/// The answer to credentials that are none of ours, or a token that came in another form than it should: its sender is no
/// visitor, who would get an account of its own to pay into.
pub(crate) fn foreign_credentials() -> Response {
    let message = "Send the access token as `Authorization: Bearer <access_token>` or as `X-API-Key: <access_token>`, and no \
                   other credentials. Call without any to get a new one.";
    Answer::new(StatusCode::UNAUTHORIZED, "credentials", message).into()
}
