use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, RETRY_AFTER};
use http::{HeaderName, HeaderValue, StatusCode};
use serde::Serialize;
use std::fmt::Display;

use super::context::Inner;
use super::pages::{Escaped, page};
use crate::account::AccountId;
use crate::money::Cents;
use crate::object::ObjectError;
use crate::stripe::unit;
use crate::wallet::{Cap, MAX_TOKENS, Refusal};

pub(crate) const X_PRICE: HeaderName = HeaderName::from_static("x-price");
pub(crate) const X_BALANCE: HeaderName = HeaderName::from_static("x-balance");
/// The line of the statement that a charge is.
pub(crate) const X_ENTRY: HeaderName = HeaderName::from_static("x-entry");
pub(crate) const X_PAYMENT_LINK: HeaderName = HeaderName::from_static("x-paymentlink");

/// An answer of ours instead of the handler's: a code for programs, a sentence for people.
pub(crate) struct Answer {
    status: StatusCode,
    body: Body,
}

#[derive(Serialize)]
struct Body {
    error: &'static str,
    message: String,
}

impl Answer {
    pub(crate) fn new(status: StatusCode, error: &'static str, message: impl Into<String>) -> Self {
        Self { status, body: Body { error, message: message.into() } }
    }

    /// An error of ours: the cause goes to the log, not to the caller.
    pub(crate) fn internal(cause: impl Display) -> Self {
        worker::console_error!("{cause}");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "Something went wrong on our side. Nothing was charged.",
        )
    }

    /// Something we need is out of reach: the cause goes to the log, and the caller may try again.
    pub(crate) fn unavailable(cause: impl Display) -> Response {
        worker::console_error!("{cause}");
        let mut response: Response =
            Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "Please try again in a moment.").into();
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
        response
    }
}

/// In a response's extensions: what it says, for a person.
#[derive(Clone)]
struct Sentence(String);

/// The same answer as a page, where a person is going to read it.
pub(super) fn for_person(response: Response, operator: bool) -> Response {
    let Some(Sentence(sentence)) = response.extensions().get() else { return response };
    let title = match response.status().as_u16() {
        401 => "Who are you?",
        429 | 503 => "Please try again in a moment",
        500.. => "Something went wrong",
        _ => "This did not work",
    };
    // The operator has no account.
    let link = if operator { "" } else { "<p><a href=\"/account\">Your account</a></p>" };
    let mut page = page(response.status(), title, &format!("<p>{}</p>{link}", Escaped(sentence)));
    for (name, value) in response.headers() {
        if !page.headers().contains_key(name) && name != CONTENT_LENGTH {
            page.headers_mut().append(name, value.clone());
        }
    }
    page
}

impl From<Answer> for Response {
    fn from(answer: Answer) -> Self {
        let sentence = Sentence(answer.body.message.clone());
        let mut response = (answer.status, Json(answer.body)).into_response();
        response.extensions_mut().insert(sentence);
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
        response
    }
}

impl From<ObjectError> for Response {
    fn from(error: ObjectError) -> Self {
        Answer::unavailable(error)
    }
}

/// A header value of a number, a decimal, or anything else that is plain ASCII.
pub(crate) fn header(value: impl Display) -> HeaderValue {
    HeaderValue::from_str(&value.to_string()).unwrap_or_else(|_| HeaderValue::from_static(""))
}

#[derive(Serialize)]
struct PaymentRequired<'a> {
    error: &'static str,
    message: String,
    price: Cents,
    balance: Cents,
    #[serde(rename = "paymentLink")]
    payment_link: &'a str,
    /// For a caller that keeps no cookies.
    #[serde(skip_serializing_if = "Option::is_none")]
    access_token: Option<String>,
}

impl Inner {
    /// The answer to a call that its account could not pay for.
    pub(crate) fn refused(&self, price: Cents, refusal: Refusal) -> Response {
        let account = match self.account() {
            Ok(account) => account,
            Err(response) => return response,
        };
        match refusal {
            Refusal::Unregistered => self.payment_required(&account, price, Cents::ZERO),
            Refusal::Insufficient { balance, available } if balance >= price && available < price => held(&format!(
                "{price} cents are needed; {balance} are there, and {} of them held by calls that still run.",
                balance - available
            )),
            Refusal::Insufficient { balance, .. } => self.payment_required(&account, price, balance),
            Refusal::TooManyHolds { .. } => held("This account has as many calls running as it may have at once."),
            Refusal::KeyReused => {
                Answer::new(StatusCode::CONFLICT, "key_reused", "This key was used for another amount.").into()
            }
            Refusal::TokenCap { left, .. } if left >= price => {
                held(&format!("This token may spend {left} cents more, held by calls that still run."))
            }
            Refusal::TokenCap { cap, limit, left } => {
                let (per, cap) = match cap {
                    Cap::Day => (" a day", "today"),
                    Cap::Total => ("", "in all"),
                };
                let message = format!(
                    "This call needs {price} cents. The token it came with may spend {limit} cents{per}, and has {left} left {cap}."
                );
                let mut response: Response = Answer::new(StatusCode::PAYMENT_REQUIRED, "token_cap", message).into();
                response.headers_mut().insert(X_PRICE, header(0));
                response
            }
            Refusal::LastToken => {
                let message = "This is the last way to the account's money. Make another access token that manages first, or spend the money.";
                Answer::new(StatusCode::CONFLICT, "last_token", message).into()
            }
            Refusal::MoneyLeft { amount } => {
                let message = format!(
                    "{amount} cents are left. Spend them, or say that you give them up: ?forfeit=true, or the box above the button."
                );
                Answer::new(StatusCode::CONFLICT, "money_left", message).into()
            }
            Refusal::CallsRunning => held("Calls of this account still run."),
            Refusal::TooManyTokens => {
                let message = format!("An account has at most {MAX_TOKENS} access tokens. End one that is not used.");
                Answer::new(StatusCode::CONFLICT, "too_many_tokens", message).into()
            }
            Refusal::Merged => Answer::new(
                StatusCode::UNAUTHORIZED,
                "account_merged",
                "This account went into another one. Log in there, by paying with the same card.",
            )
            .into(),
        }
    }

    fn payment_required(&self, account: &AccountId, price: Cents, balance: Cents) -> Response {
        self.mark_personal();
        self.give_cookie();
        let link = self.deployment.payment_link(account);
        let newcomer = matches!(self.token(), Ok(None));
        let unit = unit(&self.deployment.config.currency);
        let units = if price == Cents::new(1) { unit.trim_end_matches('s') } else { &unit };
        let mut response = if self.manner.navigation {
            let body = format!(
                "<p>This page needs {price} {units} of credit. Your balance is {balance} {unit}.</p>\
                 <p><a class=\"button\" href=\"/topup\">Add credit</a></p>"
            );
            page(StatusCode::PAYMENT_REQUIRED, "Credit needed", &body)
        } else {
            let body = PaymentRequired {
                error: "payment_required",
                message: if price.is_positive() {
                    format!(
                        "This call needs {price} {units} of credit; your balance is {balance}. Add credit at paymentLink and call again."
                    )
                } else {
                    "This call needs an account that was paid into. Add credit at paymentLink and call again.".into()
                },
                price,
                balance,
                payment_link: &link,
                access_token: (newcomer && !self.manner.browser).then(|| self.visitor().expose()),
            };
            (StatusCode::PAYMENT_REQUIRED, Json(body)).into_response()
        };
        let headers = response.headers_mut();
        headers.insert(X_PRICE, header(0));
        headers.insert(X_BALANCE, header(balance));
        headers.insert(X_PAYMENT_LINK, header(&link));
        response
    }
}

/// Money is there but held: the same call works when others have ended.
fn held(message: &str) -> Response {
    let mut response: Response = Answer::new(StatusCode::TOO_MANY_REQUESTS, "held", message).into();
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    response
}
