//! The HTTP API under `/v1`.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::State as Extract;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

use super::shared::Inner;
use super::{routes, webhooks};
use crate::stripe::model::events::Cause;
use crate::stripe::model::permission::Caller;
use crate::stripe::model::state::{Remembered, State};
use crate::stripe::options::ApiFault;
use crate::stripe::wire::error::{ApiError, ApiResult};
use crate::stripe::wire::form::Params;
use crate::stripe::wire::{API_VERSION, ids};

/// Parameters longer than this are no request of ours.
pub(crate) const MAX_BODY: usize = 1024 * 1024;

/// One request, authenticated or not.
struct Request {
    id: String,
    method: Method,
    path: String,
    headers: HeaderMap,
    params: Params,
}

/// Answers every path under `/v1`, unknown ones too.
pub(crate) async fn handle(
    Extract(inner): Extract<Arc<Inner>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let fault = inner.begin_request(format!("{method} {}", uri.path()));
    match fault {
        None | Some(ApiFault::LostAnswer) => {}
        Some(ApiFault::Slow(delay)) => tokio::time::sleep(delay).await,
        Some(ApiFault::RateLimited) => return faulty(&ApiError::rate_limited()),
        Some(ApiFault::Broken) => return faulty(&ApiError::internal()),
        Some(ApiFault::Garbage) => {
            return "<html><body>502 Bad Gateway</body></html>".into_response();
        }
        Some(ApiFault::Disconnect) => return disconnect(),
    }
    let mut params = Params::parse(uri.query().unwrap_or_default().as_bytes());
    params.extend(Params::parse(&body));
    let id = format!("req_{}", ids::random(14));
    let request = Request { id, method, path: uri.path().to_owned(), headers, params };
    let (status, body, replayed) = answer(&inner, &request);
    webhooks::dispatch(&inner);
    if fault == Some(ApiFault::LostAnswer) {
        return disconnect();
    }
    let mut response = (status, serde_json::to_string_pretty(&body).expect("JSON can be written")).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    // By its own clock, for those who compare it with theirs.
    if let Ok(date) = HeaderValue::from_str(&inner.options.clock.http_date()) {
        headers.insert(header::DATE, date);
    }
    headers.insert("stripe-version", HeaderValue::from_static(API_VERSION));
    if let Ok(id) = HeaderValue::from_str(&request.id) {
        headers.insert("request-id", id);
    }
    if let Some(key) = request.headers.get("idempotency-key") {
        headers.insert("idempotency-key", key.clone());
    }
    if replayed {
        headers.insert("idempotent-replayed", HeaderValue::from_static("true"));
    }
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"Stripe\""));
    }
    response
}

impl Request {
    fn run(&self, state: &mut State, caller: &Caller, idempotency_key: Option<String>) -> ApiResult<Value> {
        let cause = Cause { request_id: Some(self.id.clone()), idempotency_key };
        routes::run(state, caller, &self.method, &self.path, self.params.clone(), &cause)
    }
}

fn answer(inner: &Inner, request: &Request) -> (StatusCode, Value, bool) {
    let mut state = inner.lock();
    let caller = check(inner, &state, &request.headers);
    let result = caller.and_then(|caller| once(&mut state, &caller, request));
    match result {
        Ok((status, body, replayed)) => (status, body, replayed),
        Err(error) => (error.status, error.to_json(&request.id), false),
    }
}

/// Whose key it is, and in which version and account it is used.
fn check(inner: &Inner, state: &State, headers: &HeaderMap) -> ApiResult<Caller> {
    let key = api_key(headers).ok_or_else(ApiError::no_key)?;
    if key.starts_with("pk_") {
        return Err(ApiError::publishable_key());
    }
    let caller = inner.caller(&key).ok_or_else(|| ApiError::wrong_key(&key))?;
    if let Some(version) = headers.get("stripe-version")
        && version != API_VERSION
    {
        let version = String::from_utf8_lossy(version.as_bytes());
        let message = format!("Invalid Stripe API version: {version}. This stand-in knows {API_VERSION} only.");
        return Err(ApiError::invalid(message));
    }
    if let Some(account) = headers.get("stripe-account")
        && account.as_bytes() != state.account.id.as_bytes()
    {
        let message = "The provided key does not have access to the account that Stripe-Account names.";
        return Err(ApiError::forbidden(message));
    }
    Ok(caller)
}

/// From `Authorization: Bearer`, or the user name of `Basic`.
fn api_key(headers: &HeaderMap) -> Option<String> {
    let (scheme, rest) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let key = if scheme.eq_ignore_ascii_case("bearer") {
        rest.trim().to_owned()
    } else if scheme.eq_ignore_ascii_case("basic") {
        let decoded = BASE64_STANDARD.decode(rest.trim()).ok()?;
        String::from_utf8(decoded).ok()?.split(':').next()?.to_owned()
    } else {
        return None;
    };
    Some(key).filter(|key| !key.is_empty())
}

/// Runs a request, or repeats the answer that its Idempotency-Key has already had.
fn once(state: &mut State, caller: &Caller, request: &Request) -> ApiResult<(StatusCode, Value, bool)> {
    let key = request.headers.get("idempotency-key").filter(|_| request.method == Method::POST);
    let Some(key) = key else {
        return Ok((StatusCode::OK, request.run(state, caller, None)?, false));
    };
    let key = String::from_utf8_lossy(key.as_bytes()).into_owned();
    if key.is_empty() || key.len() > 255 {
        return Err(ApiError::idempotency("Idempotency-Key must have 1 to 255 characters."));
    }
    let spelled = format!("{} {} {:?}", request.method, request.path, request.params.clone().sorted());
    match state.idempotency.get(&key) {
        None => {}
        Some(before) if before.request != spelled => {
            return Err(ApiError::idempotency(format!(
                "Keys for idempotent requests can only be used with the same parameters they were first used with. \
                 Try using a key other than '{key}' if you meant to execute a different request."
            )));
        }
        Some(before) => {
            let status = StatusCode::from_u16(before.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            return Ok((status, before.body.clone(), true));
        }
    }
    let result = request.run(state, caller, Some(key.clone()));
    let (status, body) = match result {
        Ok(body) => (StatusCode::OK, body),
        // Refused before anything ran: the key stays free.
        Err(error) if error.early => return Err(error),
        Err(error) => (error.status, error.to_json(&request.id)),
    };
    state.idempotency.insert(key, Remembered { request: spelled, status: status.as_u16(), body: body.clone() });
    Ok((status, body, false))
}

/// An answer of a Stripe in trouble.
fn faulty(error: &ApiError) -> Response {
    let body = error.to_json(&format!("req_{}", ids::random(14))).to_string();
    let headers = [("content-type", "application/json"), ("stripe-should-retry", "true")];
    (error.status, headers, body).into_response()
}

/// An answer that breaks off, as when a server dies.
fn disconnect() -> Response {
    let broken = std::io::Error::other("the connection is cut on purpose");
    Response::new(Body::new(CutOff(Some(broken))))
}

/// A body that fails instead of starting.
struct CutOff(Option<std::io::Error>);

impl axum::body::HttpBody for CutOff {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, std::io::Error>>> {
        std::task::Poll::Ready(self.0.take().map(Err))
    }
}
