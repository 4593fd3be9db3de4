//! What each path of the API does, and what a key needs for it.

use axum::http::Method;
use serde_json::Value;

use crate::stripe::model::events::Cause;
use crate::stripe::model::expand;
use crate::stripe::model::list::{self, Filter};
use crate::stripe::model::permission::{Caller, Permission, Resource};
use crate::stripe::model::state::State;
use crate::stripe::wire::error::{ApiError, ApiResult};
use crate::stripe::wire::form::Params;

/// Runs what a path under `/v1` stands for, if the caller may.
pub(crate) fn run(
    state: &mut State,
    caller: &Caller,
    method: &Method,
    url: &str,
    mut params: Params,
    cause: &Cause,
) -> ApiResult<Value> {
    let path = url.trim_start_matches("/v1/").trim_end_matches('/');
    let segments: Vec<&str> = path.split('/').collect();
    if let Some(resource) = resource(segments[0]) {
        let reads = *method == Method::GET;
        caller.check(if reads { Permission::Read(resource) } else { Permission::Write(resource) })?;
    }
    let expand = params.list("expand")?;
    let answer = match (method.as_str(), segments.as_slice()) {
        ("POST", ["products"]) => state.create_product(params),
        ("POST", ["prices"]) => state.create_price(params),
        ("POST", ["payment_links"]) => state.create_payment_link(params),
        ("POST", ["webhook_endpoints"]) => state.create_webhook_endpoint(params),
        ("POST", ["refunds"]) => state.create_refund(params, cause),
        ("POST", ["refunds", id, "cancel"]) => params.finish().and_then(|()| state.cancel_refund(id, cause)),
        ("POST", ["disputes", id]) => state.update_dispute(id, params, cause),
        ("POST", ["disputes", id, "close"]) => params.finish().and_then(|()| state.accept_dispute(id, cause)),
        ("DELETE", ["webhook_endpoints", id]) => params.finish().and_then(|()| state.delete_webhook_endpoint(id)),
        ("GET", ["checkout", "sessions", id]) => retrieve(state, "checkout.session", id, params),
        ("GET", ["payment_links", id]) => retrieve(state, "payment_link", id, params),
        ("GET", ["payment_intents", id]) => retrieve(state, "payment_intent", id, params),
        ("GET", ["payment_methods", id]) => retrieve(state, "payment_method", id, params),
        ("GET", ["charges", id]) => retrieve(state, "charge", id, params),
        ("GET", ["refunds", id]) => retrieve(state, "refund", id, params),
        ("GET", ["disputes", id]) => retrieve(state, "dispute", id, params),
        ("GET", ["products", id]) => retrieve(state, "product", id, params),
        ("GET", ["prices", id]) => retrieve(state, "price", id, params),
        ("GET", ["webhook_endpoints", id]) => retrieve(state, "webhook_endpoint", id, params),
        ("GET", ["events", id]) => params.finish().and_then(|()| state.event(id)),
        ("GET", ["checkout", "sessions"]) => {
            let filters = [
                Filter::object("payment_link", "payment_link"),
                Filter::object("payment_intent", "payment_intent"),
                Filter::choice("status", &["open", "complete", "expired"]),
            ];
            list::list(state, "checkout.session", url, &filters, params)
        }
        ("GET", ["payment_links"]) => list::list(state, "payment_link", url, &[Filter::boolean("active")], params),
        ("GET", ["payment_intents"]) => list::list(state, "payment_intent", url, &[], params),
        ("GET", ["charges"]) => {
            list::list(state, "charge", url, &[Filter::object("payment_intent", "payment_intent")], params)
        }
        ("GET", ["refunds"]) => list::list(state, "refund", url, &list::OF_A_PAYMENT, params),
        ("GET", ["disputes"]) => list::list(state, "dispute", url, &list::OF_A_PAYMENT, params),
        ("GET", ["products"]) => list::list(state, "product", url, &[Filter::boolean("active")], params),
        ("GET", ["prices"]) => {
            let filters = [Filter::boolean("active"), Filter::object("product", "product")];
            list::list(state, "price", url, &filters, params)
        }
        ("GET", ["webhook_endpoints"]) => list::list(state, "webhook_endpoint", url, &[], params),
        ("GET", ["events"]) => state.list_events(url, params),
        _ => Err(ApiError::unrecognized_url(method.as_str(), url)),
    }?;
    expand::expand(state, caller, answer, &expand)
}

/// What a path is about.
fn resource(segment: &str) -> Option<Resource> {
    Some(match segment {
        "charges" | "refunds" => Resource::Charges,
        "checkout" => Resource::CheckoutSessions,
        "disputes" => Resource::Disputes,
        "events" => Resource::Events,
        "payment_intents" => Resource::PaymentIntents,
        "payment_links" => Resource::PaymentLinks,
        "payment_methods" => Resource::PaymentMethods,
        "prices" => Resource::Prices,
        "products" => Resource::Products,
        "webhook_endpoints" => Resource::WebhookEndpoints,
        _ => return None,
    })
}

fn retrieve(state: &State, kind: &str, id: &str, params: Params) -> ApiResult<Value> {
    params.finish()?;
    let param = match kind {
        "checkout.session" => "session",
        "payment_intent" => "intent",
        "payment_link" => "payment_link",
        _ => "id",
    };
    state.get(kind, id, param).cloned().map_err(ApiError::not_found)
}
