use axum::body::to_bytes;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use stripeflare_core::clock::now;
use stripeflare_core::stripe::{Event, Fact, verify};

use crate::deployment::payments;
use crate::http::call::context::Context;
use crate::http::reply::answer::Answer;

/// Checkout Sessions are 3 to 6 KiB.
const MAX_BODY: usize = 256 * 1024;

/// `POST /stripe-webhook`: the signature first, then the event. An answer of 200 means that it is stored durably; after
/// anything else Stripe delivers again.
pub(crate) async fn receive(request: Request) -> Response {
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
            payments::credit(deployment, &session, event.account.is_some()).await
        }
        Fact::Reversal(_) if event.account.is_some() || event.livemode != deployment.config.livemode => Ok(()),
        Fact::Reversal(fact) => payments::reverse(deployment, *fact).await,
        Fact::Other => Ok(()),
    }
    .map_err(Answer::unavailable)
}
