//! Events that are looked up afterwards, as a sweep does. Each is as its object was at that moment, in the version of
//! the account and not of the request.

use serde_json::Value;

use crate::stripe::model::list::list_where;
use crate::stripe::model::state::State;
use crate::stripe::wire::error::{ApiError, ApiResult};
use crate::stripe::wire::form::Params;
use crate::stripe::wire::json::number;

/// How long Stripe keeps an event.
const KEPT_S: i64 = 30 * 24 * 60 * 60;

/// How many kinds of events can be asked for at once.
const MOST_TYPES: usize = 20;

impl State {
    /// `GET /v1/events`
    pub(crate) fn list_events(&self, url: &str, mut params: Params) -> ApiResult<Value> {
        let one = params.text("type")?;
        let several = params.list("types")?;
        let delivered = params.boolean("delivery_success")?;
        if one.is_some() && !several.is_empty() {
            return Err(
                ApiError::invalid("You may only specify one of these parameters: type, types.").with_param("type")
            );
        }
        if several.len() > MOST_TYPES {
            let message = format!("The types parameter must contain at most {MOST_TYPES} values.");
            return Err(ApiError::invalid(message).with_param("types"));
        }
        let since = self.now_s() - KEPT_S;
        list_where(self, "event", url, &[], params, |event| {
            let kind = event["type"].as_str().unwrap_or_default();
            number(event, "created") >= since
                && one.as_ref().is_none_or(|pattern| fits(pattern, kind))
                && (several.is_empty() || several.iter().any(|name| name == kind))
                && delivered.is_none_or(|delivered| delivered == (event["pending_webhooks"] == 0))
        })
    }

    /// `GET /v1/events/{id}`
    pub(crate) fn event(&self, id: &str) -> ApiResult<Value> {
        let event = self.get("event", id, "id").map_err(ApiError::not_found)?;
        if number(event, "created") < self.now_s() - KEPT_S {
            return Err(ApiError::no_such("event", id, "id").not_found());
        }
        Ok(event.clone())
    }
}

/// `refund.*` is every kind that begins so.
fn fits(pattern: &str, kind: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == kind, |start| kind.starts_with(start))
}
