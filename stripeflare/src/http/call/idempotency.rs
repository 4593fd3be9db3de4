//! `Idempotency-Key`: one call of a caller, however often it is sent.

use std::cell::RefCell;
use std::rc::Rc;

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::response::Response;
use futures_util::TryStreamExt;
use http::header::{CONTENT_LENGTH, RETRY_AFTER, SET_COOKIE, TRANSFER_ENCODING};
use http::{HeaderName, HeaderValue, Method, StatusCode, Uri};
use http_body::Body as _;
use send_wrapper::SendWrapper;
use sha2::{Digest, Sha256};
use stripeflare_core::account::{CALLERS_KEY, Claim, IdempotencyKey, KeptAnswer};
use stripeflare_core::identity::Token;

use crate::http::call::price::Settlement;
use crate::http::reply::answer::Answer;

const HEADER: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
/// As axum's own extractors allow.
const MAX_BODY: usize = 2 * 1024 * 1024;

/// Of a body that is kept: rows of SQLite are small.
const MAX_KEPT: usize = 128 * 1024;

/// What tells one call from another, as far as it was read.
pub(crate) struct CallIdentity {
    key: Option<HeaderValue>,
    /// Another one came.
    several: bool,
    method: Method,
    /// As it came: nested routers see the end of it.
    uri: Uri,
    body: Rc<RefCell<Sha256>>,
}

impl CallIdentity {
    pub(crate) fn of(request: &Request) -> Self {
        let mut keys = request.headers().get_all(HEADER).iter();
        Self {
            key: keys.next().cloned(),
            several: keys.next().is_some(),
            method: request.method().clone(),
            uri: request.uri().clone(),
            body: Rc::default(),
        }
    }

    pub(crate) fn method(&self) -> &Method {
        &self.method
    }

    /// Of a call with a key the body is hashed on its way.
    pub(crate) fn follow(&self, request: Request) -> Request {
        if self.key.is_none() {
            return request;
        }
        let hash = Rc::clone(&self.body);
        request.map(|body| {
            let chunks = body.into_data_stream().inspect_ok(move |chunk| hash.borrow_mut().update(chunk));
            Body::from_stream(SendWrapper::new(chunks))
        })
    }

    /// The caller's key.
    ///
    /// # Errors
    /// The answer to one that is none, or to several: the runtime joins them by a comma.
    pub(crate) fn key(&self) -> Result<Option<&str>, Response> {
        let Some(key) = &self.key else { return Ok(None) };
        let key = key.to_str().ok().filter(|key| !self.several && (1..=255).contains(&key.len()) && !key.contains(','));
        key.map(Some).ok_or_else(|| {
            let message = "An Idempotency-Key is 1 to 255 printable ASCII characters without a comma, once.";
            Answer::new(StatusCode::BAD_REQUEST, "idempotency_key", message).into()
        })
    }

    /// Of method, path, query and body.
    fn fingerprint(&self) -> String {
        let body = self.body.borrow().clone().finalize();
        let (method, path, query) = (self.method.as_str(), self.uri.path(), self.uri.query().unwrap_or(""));
        hashed(&[method.as_bytes(), path.as_bytes(), query.as_bytes(), &body])
    }

    /// The key of the next charge of this call beside its price; `None` when the caller sent none.
    pub(crate) fn charge_key(&self, token: &Token, version: &str, number: u32) -> Result<Option<String>, Response> {
        let Some(key) = self.key()? else { return Ok(None) };
        let (caller, call) = (token.proof(version).hash, self.fingerprint());
        let hash = hashed(&[caller.as_bytes(), key.as_bytes(), call.as_bytes(), &number.to_be_bytes()]);
        Ok(Some(format!("{CALLERS_KEY}{hash}")))
    }
}

fn hashed(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hex::encode(hash.finalize())
}

/// The caller's key, and the body, of which the key remembers a hash.
pub(crate) async fn read(call: &CallIdentity, body: Body) -> Result<(Option<IdempotencyKey>, Body), Response> {
    let Some(key) = call.key()? else { return Ok((None, body)) };
    let body = to_bytes(body, MAX_BODY).await.map_err(|_| {
        let message = "A body with an Idempotency-Key is at most 2 MiB.";
        Response::from(Answer::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", message))
    })?;
    Ok((Some(IdempotencyKey { key: key.to_owned(), fingerprint: call.fingerprint() }), Body::from(body)))
}

/// The answer to a key that stands for a call already.
pub(crate) fn claimed(claim: Claim) -> Response {
    match claim {
        Claim::Free | Claim::Running => {
            let message = "The call with this Idempotency-Key is still running. Ask again for its answer.";
            let mut response = Response::from(Answer::new(StatusCode::CONFLICT, "idempotency_running", message));
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
            response
        }
        Claim::Other => Answer::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "idempotency_key_reused",
            "This Idempotency-Key came before with another method, path, query or body. Nothing was charged for this call.",
        )
        .into(),
        Claim::Answered(answer) => replay(answer).unwrap_or_else(gone),
        Claim::Gone => gone(),
    }
}

fn gone() -> Response {
    let message = "The call with this Idempotency-Key was answered and charged once. Its answer was a stream, too large to be \
                   kept, or made room for newer ones.";
    Answer::new(StatusCode::CONFLICT, "idempotency_gone", message).into()
}

fn replay(answer: KeptAnswer) -> Option<Response> {
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = StatusCode::from_u16(answer.status).ok()?;
    for (name, value) in answer.headers {
        response.headers_mut().append(HeaderName::try_from(name).ok()?, HeaderValue::from_str(&value).ok()?);
    }
    // Its `X-Price` was charged when it was answered first.
    response.extensions_mut().insert(Settlement);
    response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    Some(response)
}

/// An answer to keep, and the same again to send. What is not at hand as a whole passes, and its key tells only that it did.
pub(crate) async fn keep(response: Response) -> Result<(Option<KeptAnswer>, Response), Response> {
    let length = response.body().size_hint().exact();
    if response.status() == StatusCode::SWITCHING_PROTOCOLS || length.is_none_or(|length| length > MAX_KEPT as u64) {
        return Ok((None, response));
    }
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, MAX_KEPT).await.map_err(|error| Response::from(Answer::internal(error)))?;
    let sent_anew = [CONTENT_LENGTH, TRANSFER_ENCODING, SET_COOKIE];
    let headers = parts.headers.iter().filter(|(name, _)| !sent_anew.contains(name));
    // What is no plain text is sent once and not kept.
    let headers = headers.filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())));
    let answer = KeptAnswer { status: parts.status.as_u16(), headers: headers.collect(), body: body.to_vec() };
    Ok((Some(answer), Response::from_parts(parts, Body::from(body))))
}
