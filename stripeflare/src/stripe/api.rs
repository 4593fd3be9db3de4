use std::fmt;
use std::time::Duration;

use futures_util::future::{Either, select};
use futures_util::pin_mut;
use js_sys::Promise;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{Request, Response};
use worker::Delay;

use super::event::Id;
use crate::object::describe;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(catch)]
    fn fetch(request: &Request) -> Result<Promise, JsValue>;
}

/// The API version every request and our webhook endpoints are pinned to.
const API_VERSION: &str = "2026-07-29.dahlia";
/// Longer than this Stripe takes only when it is in trouble.
const DEADLINE: Duration = Duration::from_secs(15);

/// Stripe's API, as far as it is needed.
pub(crate) struct Api<'a> {
    pub(crate) base: &'a str,
    pub(crate) secret: &'a str,
}

/// Stripe did not answer what was asked; the text never holds a key.
#[derive(Debug)]
pub(crate) enum ApiError {
    /// No such object.
    NotFound,
    Other(String),
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound => f.write_str("Stripe knows no such object"),
            Self::Other(cause) => write!(f, "Stripe's API: {cause}"),
        }
    }
}

impl std::error::Error for ApiError {}

/// Source: Stripe's API reference, "The Payment Link object".
#[derive(Debug, Deserialize)]
pub(crate) struct PaymentLink {
    pub(crate) url: String,
}

impl Api<'_> {
    pub(crate) async fn payment_link(&self, id: &str) -> Result<PaymentLink, ApiError> {
        self.get(&format!("/v1/payment_links/{id}")).await
    }

    /// The PaymentIntent that a charge belongs to; old charges have none.
    pub(crate) async fn payment_intent_of(&self, charge: &str) -> Result<Option<String>, ApiError> {
        #[derive(Deserialize)]
        struct Charge {
            payment_intent: Option<Id>,
        }
        let charge: Charge = self.get(&format!("/v1/charges/{charge}")).await?;
        Ok(charge.payment_intent.map(|intent| intent.0))
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ApiError> {
        let other = |cause: String| ApiError::Other(cause);
        let deadline = Delay::from(DEADLINE);
        let answer = self.fetch(path);
        pin_mut!(answer, deadline);
        let (status, body) = match select(answer, deadline).await {
            Either::Left((answer, _)) => answer.map_err(|exception| other(describe(&exception)))?,
            Either::Right(_) => return Err(other(format!("no answer within {} s", DEADLINE.as_secs()))),
        };
        match status {
            200 => {
                serde_json::from_str(&body).map_err(|error| other(format!("an answer that cannot be read: {error}")))
            }
            404 => Err(ApiError::NotFound),
            _ => Err(other(format!("status {status}"))),
        }
    }

    async fn fetch(&self, path: &str) -> Result<(u16, String), JsValue> {
        let request = Request::new_with_str(&format!("{}{path}", self.base))?;
        request.headers().set("authorization", &format!("Bearer {}", self.secret))?;
        request.headers().set("stripe-version", API_VERSION)?;
        let response: Response = JsFuture::from(fetch(&request)?).await?.unchecked_into();
        let body = JsFuture::from(response.text()?).await?;
        Ok((response.status(), body.as_string().unwrap_or_default()))
    }
}
