use std::any::Any;
use std::fmt::Display;

use axum::Json;
use axum::extract::multipart::MultipartError;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue, StatusCode};
use serde::Serialize;
use stripeflare_core::account::TxError;

use crate::error::{self, Error, Misconfigured};
use crate::http::reply::html::{Escaped, page};
use crate::js;
use crate::object::ObjectError;

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
        js::log_error(cause);
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "Something went wrong on our side.")
    }

    /// Something we need is out of reach: the cause goes to the log, and the caller may try again. What the operator has to
    /// mend is said, so that it is seen at once.
    pub(crate) fn unavailable(cause: impl Display + 'static) -> Response {
        js::log_error(&cause);
        if let Some(Misconfigured(status, problem)) = misconfigured(&cause) {
            return Self::new(*status, "configuration", problem.as_str()).into();
        }
        let mut response: Response =
            Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "Please try again in a moment.").into();
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
        response
    }
}

fn misconfigured(cause: &dyn Any) -> Option<&Misconfigured> {
    match cause.downcast_ref() {
        Some(Error(error::Kind::Cause(cause))) => {
            cause.downcast_ref().or_else(|| cause.downcast_ref().and_then(ObjectError::misconfigured))
        }
        _ => cause.downcast_ref().and_then(ObjectError::misconfigured),
    }
}

/// In a response's extensions: what it says, for a person.
#[derive(Clone)]
struct Sentence(String);

/// The same answer as a page, where a person is going to read it.
pub(crate) fn for_person(response: Response, operator: bool) -> Response {
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
        if answer.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
        response
    }
}

impl From<ObjectError> for Response {
    fn from(error: ObjectError) -> Self {
        Answer::unavailable(error)
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        match self.0 {
            // An informational, good or redirecting status would be charged for.
            error::Kind::Said(status, message) if status.as_u16() >= 400 => {
                Answer::new(status, "error", message).into()
            }
            error::Kind::Refused(response) => *response,
            error::Kind::Cause(cause) if cause.is::<MultipartError>() => wrong_body(&*cause),
            error::Kind::Cause(cause) => match cause.downcast::<TxError>() {
                Ok(refused) => not_done(*refused).into(),
                Err(cause) => Answer::internal(Error(error::Kind::Cause(cause))).into(),
            },
            kind => Answer::internal(Error(kind)).into(),
        }
    }
}

/// What was not done to an account's money or tables.
fn not_done(refused: TxError) -> Answer {
    let (status, error) = match &refused {
        TxError::InsufficientFunds { .. } => (StatusCode::PAYMENT_REQUIRED, "payment_required"),
        TxError::TokenCap { .. } => (StatusCode::PAYMENT_REQUIRED, "token_cap"),
        TxError::AccountFull => (StatusCode::INSUFFICIENT_STORAGE, "account_full"),
        TxError::Exists(_) => (StatusCode::CONFLICT, "exists"),
        TxError::Value(_) => (StatusCode::UNPROCESSABLE_ENTITY, "column_value"),
        TxError::KeyReused => (StatusCode::CONFLICT, "key_reused"),
        _ => return Answer::internal(refused),
    };
    Answer::new(status, error, refused.to_string())
}

/// What a handler read of a body that breaks off, is too large, or was never what it said.
fn wrong_body(cause: &(dyn std::error::Error + 'static)) -> Response {
    let status = cause.downcast_ref().map(MultipartError::status).filter(StatusCode::is_client_error);
    let message = match status {
        Some(StatusCode::PAYLOAD_TOO_LARGE) => "The request's body is too large.",
        _ => "The request's body is no multipart/form-data, or ends before its last boundary.",
    };
    Answer::new(status.unwrap_or(StatusCode::BAD_REQUEST), "body", message).into()
}

/// A header value of a number, a decimal, or anything else that is plain ASCII.
pub(crate) fn header(value: impl Display) -> HeaderValue {
    HeaderValue::from_str(&value.to_string()).unwrap_or_else(|_| HeaderValue::from_static(""))
}
