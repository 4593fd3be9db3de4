use std::cell::RefCell;

use axum::body::to_bytes;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::StatusCode;

use super::context::Context;
use super::{Answer, Config, Deployment, now};
use crate::object::{Address, Command, Reply};
use crate::stripe::{Api, ApiError, CheckoutSession, Event, Fact, Rules, Verdict, verify};

/// Checkout Sessions are 3 to 6 KiB.
const MAX_BODY: usize = 256 * 1024;

/// `POST /stripe-webhook`: the signature first, then the event. An answer of 200 means that it is stored durably; after
/// anything else Stripe delivers again.
pub(super) async fn receive(request: Request) -> Response {
    match accept(request).await {
        Ok(()) => StatusCode::OK.into_response(),
        Err(answer) => answer,
    }
}

async fn accept(request: Request) -> Result<(), Response> {
    let (parts, body) = request.into_parts();
    let context = Context::from(&parts)?;
    let deployment = &context.deployment;
    let body = to_bytes(body, MAX_BODY).await.map_err(|_| {
        Response::from(Answer::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "A webhook is at most 256 KiB."))
    })?;
    let header = parts.headers.get("stripe-signature").map_or(&b""[..], |value| value.as_bytes());
    let refuse = |error, message: String| {
        worker::console_warn!("webhook refused: {message}");
        Response::from(Answer::new(StatusCode::BAD_REQUEST, error, message))
    };
    let seconds = u64::try_from(now() / 1_000).unwrap_or_default();
    verify(header, &body, &deployment.config.webhook_secrets, seconds)
        .map_err(|error| refuse("signature", error.to_string()))?;
    let event = Event::parse(&body).map_err(|error| refuse("event", error.to_string()))?;
    match event.fact {
        Fact::Checkout(mut session) => {
            session.livemode |= event.livemode;
            settle(deployment, &session, event.account.is_some()).await
        }
        Fact::Other => Ok(()),
    }
}

/// Credits a session, or records why not. The same session twice is one credit.
async fn settle(deployment: &Deployment, session: &CheckoutSession, connected: bool) -> Result<(), Response> {
    if session.payment_status.as_deref() != Some("paid") {
        return Ok(());
    }
    let config = &deployment.config;
    let rules = Rules {
        currency: &config.currency,
        livemode: config.livemode,
        our_link: !connected
            && is_our_link(config, session.payment_link.as_deref()).await.map_err(Answer::unavailable)?,
        references: &config.references,
        connected,
    };
    let (to, command) = match rules.judge(session) {
        Verdict::Nothing => return Ok(()),
        Verdict::Credit(credit) => {
            (Address::Account(credit.account.clone()), Command::Credit { credit: credit.into() })
        }
        Verdict::Unclaimed(unclaimed) => {
            worker::console_warn!("a payment was credited to nobody: {}", unclaimed.reason);
            (Address::Aggregate, Command::Unclaimed { unclaimed })
        }
    };
    match deployment.stubs.call(&to, command, Vec::new()).await? {
        Reply::Done => Ok(()),
        _ => Err(Answer::unavailable("a payment was answered with something else")),
    }
}

/// Whether a payment link is the one the configuration names; Stripe is asked about each link once per isolate.
async fn is_our_link(config: &Config, link: Option<&str>) -> Result<bool, ApiError> {
    let Some(link) = link else { return Ok(false) };
    if let Some(ours) = &config.payment_link_id {
        return Ok(link == ours);
    }
    thread_local!(static KNOWN: RefCell<Vec<(String, bool)>> = const { RefCell::new(Vec::new()) });
    if let Some(ours) = KNOWN.with_borrow(|known| known.iter().find(|(id, _)| id == link).map(|(_, ours)| *ours)) {
        return Ok(ours);
    }
    let api = Api { base: &config.stripe_api, secret: &config.stripe_secret };
    let ours = match api.payment_link(link).await {
        Ok(found) => without_query(&found.url) == without_query(&config.payment_link),
        Err(ApiError::NotFound) => false,
        Err(error) => return Err(error),
    };
    KNOWN.with_borrow_mut(|known| known.push((link.to_owned(), ours)));
    Ok(ours)
}

fn without_query(url: &str) -> &str {
    url.split('?').next().unwrap_or(url)
}
