//! `Idempotency-Key` on priced routes.

use axum::body::{Body, to_bytes};
use axum::response::Response;
use http::header::{CONTENT_LENGTH, RETRY_AFTER, SET_COOKIE, TRANSFER_ENCODING};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use sha2::{Digest, Sha256};
use stripeflare_core::account::{Claim, IdempotencyKey, KeptAnswer};

use crate::http::call::price::Settlement;
use crate::http::reply::answer::Answer;

const HEADER: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
/// As axum's own extractors allow.
const MAX_BODY: usize = 2 * 1024 * 1024;

/// The caller's key.
pub(crate) fn key(headers: &HeaderMap) -> Result<Option<&str>, Response> {
    let mut values = headers.get_all(HEADER).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let key = value.to_str().ok().filter(|key| (1..=255).contains(&key.len()) && values.next().is_none());
    key.map(Some).ok_or_else(|| {
        let message = "An Idempotency-Key is 1 to 255 printable ASCII characters, once.";
        Answer::new(StatusCode::BAD_REQUEST, "idempotency_key", message).into()
    })
}

/// The caller's key, and the body, of which the key remembers a hash.
pub(crate) async fn read(parts: &Parts, body: Body) -> Result<(Option<IdempotencyKey>, Body), Response> {
    let Some(key) = key(&parts.headers)? else { return Ok((None, body)) };
    let body = to_bytes(body, MAX_BODY).await.map_err(|_| {
        let message = "A body with an Idempotency-Key is at most 2 MiB.";
        Response::from(Answer::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", message))
    })?;
    let mut hash = Sha256::new();
    for part in [
        parts.method.as_str().as_bytes(),
        parts.uri.path().as_bytes(),
        parts.uri.query().unwrap_or("").as_bytes(),
        &body,
    ] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let key = IdempotencyKey { key: key.to_owned(), fingerprint: hex::encode(hash.finalize()) };
    Ok((Some(key), Body::from(body)))
}

/// The answer to a key that stands for a call already.
pub(crate) fn claimed(claim: Claim) -> Response {
    let conflict = |error, message: &str| Response::from(Answer::new(StatusCode::CONFLICT, error, message));
    match claim {
        Claim::Free | Claim::Running => {
            let mut response =
                conflict("idempotency_running", "The call with this Idempotency-Key is still running. Ask again for its answer.");
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
            response
        }
        Claim::Other => Answer::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "idempotency_key_reused",
            "This Idempotency-Key came before with another method, path or body. Nothing was charged for this call.",
        )
        .into(),
        Claim::Answered(answer) => replay(answer).unwrap_or_else(|| {
            conflict(
                "idempotency_answer_too_large",
                "The call with this Idempotency-Key was answered and charged once. Its answer was too large to be kept.",
            )
        }),
    }
}

fn replay(answer: KeptAnswer) -> Option<Response> {
    let body = hex::decode(answer.body?).ok()?;
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(answer.status).ok()?;
    for (name, value) in answer.headers {
        response.headers_mut().append(HeaderName::try_from(name).ok()?, HeaderValue::from_str(&value).ok()?);
    }
    // Its `X-Price` was charged when it was answered first.
    response.extensions_mut().insert(Settlement);
    response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    Some(response)
}

/// An answer to keep, and the same again to send.
pub(crate) async fn keep(response: Response) -> Result<(KeptAnswer, Response), Response> {
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.map_err(|error| Response::from(Answer::internal(error)))?;
    let sent_anew = [CONTENT_LENGTH, TRANSFER_ENCODING, SET_COOKIE];
    let headers = parts.headers.iter().filter(|(name, _)| !sent_anew.contains(name));
    // What is no plain text is sent once and not kept.
    let headers = headers.filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())));
    let answer = KeptAnswer::new(parts.status.as_u16(), headers.collect(), &body);
    Ok((answer, Response::from_parts(parts, Body::from(body))))
}
