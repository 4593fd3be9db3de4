//! Who is at the panel: the operator, by two names and one password, and what another site causes.

use std::io;

use axum::response::Response;
use http::header::{AUTHORIZATION, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, StatusCode};
use js_sys::Reflect;
use stripeflare_core::protocol::Shard;
use stripeflare_core::protocol::directory::Guess;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use crate::http::call::context::Context;
use crate::http::reply::answer::{Answer, header};
use crate::http::reply::html::{Escaped, page};

/// The user name of an operator who reads, and the address of the operator's panel.
pub(super) const OPERATOR: &str = "admin-readonly";
/// The user name of an operator who may change things, too.
const ADMIN: &str = "admin";

/// A name and a password.
pub(super) struct Credentials {
    pub(super) user: String,
    pub(super) password: String,
}

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(catch)]
    fn atob(base64: &str) -> Result<String, JsValue>;

    type JsRateLimiter;
    #[wasm_bindgen(method, catch)]
    fn limit(this: &JsRateLimiter, options: &JsValue) -> Result<js_sys::Promise, JsValue>;
}

impl Credentials {
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let (scheme, encoded) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        // One character per byte.
        let bytes: Option<Vec<u8>> =
            atob(encoded.trim()).ok()?.chars().map(|byte| u8::try_from(u32::from(byte)).ok()).collect();
        let text = String::from_utf8(bytes?).ok()?;
        let (user, password) = text.split_once(':')?;
        Some(Self { user: user.to_owned(), password: password.to_owned() })
    }
}

/// What another site causes gets nothing, whatever it brings: no password is looked at, or counted, that the other site
/// chose, and nothing of the panel tells it by time or size.
///
/// # Errors
/// The answer to it.
pub(super) fn refuse_foreign(context: &Context, panel: &str) -> Result<(), Response> {
    if !context.manner.foreign {
        return Ok(());
    }
    let message = "Another site may have caused this request.";
    Err(if context.manner.navigation {
        let link = format!("<p>{message}</p><p><a href=\"{}\">Open the panel</a></p>", Escaped(panel));
        page(StatusCode::FORBIDDEN, "The database panel", &link)
    } else {
        Answer::new(StatusCode::FORBIDDEN, "cross_site", message).into()
    })
}

/// # Errors
/// The answer to whoever is not the operator, goes by the name that only reads, or has guessed too often.
pub(super) async fn check_operator(
    context: &Context,
    headers: &HeaderMap,
    credentials: Option<Credentials>,
    to_change: bool,
) -> Result<(), Response> {
    // A browser's first request comes without any: that is no guess.
    let Credentials { user, password } = credentials.ok_or_else(challenge)?;
    let deployment = &context.deployment;
    let right = deployment.config.operator.is(&password) && [OPERATOR, ADMIN].contains(&user.as_str());
    let source = source(headers);
    let wait = match Reflect::get(deployment.stubs.env(), &"RATE_LIMITER".into()) {
        Ok(limiter) if limiter.is_object() => {
            limited(limiter.unchecked_ref(), &source).await.map_err(Answer::unavailable)?
        }
        _ => deployment.stubs.as_system(&Shard::of("guesses")).send(Guess { source, right }).await?,
    };
    match wait {
        Some(seconds) => {
            worker::console_warn!("too many wrong passwords at the database panel");
            let message = "Too many wrong passwords. Try again later.";
            let mut response: Response = Answer::new(StatusCode::TOO_MANY_REQUESTS, "too_many_guesses", message).into();
            response.headers_mut().insert(RETRY_AFTER, header(seconds));
            Err(response)
        }
        // A browser asks for another name then.
        None if right && to_change && user != ADMIN => {
            Err(challenge_with("Whoever changes something here goes by the user name admin, with the same password."))
        }
        None if right => Ok(()),
        None => Err(challenge()),
    }
}

/// Cloudflare's own limit, which counts every request to the panel.
async fn limited(limiter: &JsRateLimiter, source: &str) -> io::Result<Option<i64>> {
    let failed = |exception: JsValue| io::Error::other(crate::js::describe(&exception));
    let options = js_sys::Object::new();
    Reflect::set(&options, &"key".into(), &format!("panel:{source}").into()).map_err(failed)?;
    let outcome = JsFuture::from(limiter.limit(&options).map_err(failed)?).await.map_err(failed)?;
    let success = Reflect::get(&outcome, &"success".into()).map_err(failed)?;
    Ok((success != JsValue::TRUE).then_some(60))
}

/// Where a request comes from, as Cloudflare says it: of an IPv6 address the network, of which one host has many.
fn source(headers: &HeaderMap) -> String {
    let address = headers.get("cf-connecting-ip").and_then(|address| address.to_str().ok()).unwrap_or_default();
    match address.parse::<std::net::Ipv6Addr>() {
        Ok(address) => address.segments()[..4].iter().map(|part| format!("{part:x}:")).collect(),
        Err(_) => address.to_owned(),
    }
}

pub(super) fn challenge() -> Response {
    challenge_with("Name and password of this panel: see the documentation.")
}

fn challenge_with(message: &str) -> Response {
    let mut response: Response = Answer::new(StatusCode::UNAUTHORIZED, "wrong_password", message).into();
    response.headers_mut().insert(WWW_AUTHENTICATE, header("Basic realm=\"stripeflare\", charset=\"UTF-8\""));
    response
}

pub(super) fn refused(problem: &str) -> Response {
    Answer::new(StatusCode::BAD_REQUEST, "bad_request", problem).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_network_is_one_source() {
        let of = |address: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert("cf-connecting-ip", header(address));
            source(&headers)
        };
        assert_eq!(of("203.0.113.9"), "203.0.113.9");
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), of("2001:db8:1:2:ffff::1"));
        assert_eq!(of("2001:db8::1"), of("2001:db8::5:6:7:8"), "whichever part is written short");
        assert_eq!(of("2001:db8:1:0:2:3:4:5"), of("2001:db8:1::1"));
        assert_ne!(of("2001:db8:1:3::1"), of("2001:db8:1:2::1"));
        assert_eq!(source(&HeaderMap::new()), "");
    }
}
