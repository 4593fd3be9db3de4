//! Events: what happened, and who is to be told.

use serde_json::{Value, json};

use super::state::State;
use crate::stripe::wire::ids;
use crate::stripe::wire::json::{merge, text};

/// Which request caused an event.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cause {
    pub(crate) request_id: Option<String>,
    pub(crate) idempotency_key: Option<String>,
}

impl State {
    /// Records that something happened, and queues it for the endpoints that want to know.
    pub(crate) fn emit(&mut self, kind: &str, object: &Value, cause: &Cause) -> String {
        self.emit_with(kind, object, cause, json!({}))
    }

    /// As [`State::emit`], for an object that has changed: the event also says what it was before.
    pub(crate) fn emit_change(&mut self, kind: &str, before: &Value, object: &Value, cause: &Cause) -> String {
        let data = json!({ "object": object, "previous_attributes": changed(before, object) });
        self.emit_with(kind, object, cause, json!({ "data": data }))
    }

    /// As [`State::emit`], with fields of the event that are set otherwise than usual, such as `account`.
    pub(crate) fn emit_with(&mut self, kind: &str, object: &Value, cause: &Cause, more: Value) -> String {
        let endpoints: Vec<String> = self
            .all("webhook_endpoint")
            .filter(|endpoint| endpoint["status"] == "enabled" && wants(endpoint, kind))
            .map(|endpoint| text(endpoint, "id"))
            .collect();
        let id = ids::of_account("evt");
        let mut event = json!({
            "api_version": self.account.api_version,
            "created": self.now_s(),
            "data": { "object": object },
            "id": id,
            "livemode": self.account.livemode,
            "object": "event",
            "pending_webhooks": endpoints.len(),
            "request": { "id": cause.request_id, "idempotency_key": cause.idempotency_key },
            "type": kind,
        });
        merge(&mut event, more);
        self.insert(event);
        for endpoint in endpoints {
            self.deliveries.queue(&id, kind, &endpoint);
        }
        id
    }
}

/// The fields that are other than before, as they were.
fn changed(before: &Value, object: &Value) -> Value {
    let before = before.as_object().into_iter().flatten();
    let changed = before.filter(|(name, value)| object[name.as_str()] != **value);
    Value::Object(changed.map(|(name, value)| (name.clone(), value.clone())).collect())
}

fn wants(endpoint: &Value, kind: &str) -> bool {
    let events = endpoint["enabled_events"].as_array();
    events.is_some_and(|events| events.iter().any(|event| event == "*" || event == kind))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stripe::model::state::Account;

    #[test]
    fn events_go_to_the_endpoints_that_want_them() {
        let mut state = State::new(Account::for_tests());
        for (id, events) in [("we_1", json!(["*"])), ("we_2", json!(["refund.created"]))] {
            state.insert(json!({
                "object": "webhook_endpoint", "id": id, "status": "enabled", "enabled_events": events,
            }));
        }
        let event = state.emit("charge.succeeded", &json!({}), &Cause::default());
        assert_eq!(state.find("event", &event).unwrap()["pending_webhooks"], 1);
        assert_eq!(state.deliveries.all().len(), 1);
    }

    #[test]
    fn a_change_says_what_was_before() {
        let mut state = State::new(Account::for_tests());
        let (before, after) =
            (json!({ "id": "re_1", "status": "pending" }), json!({ "id": "re_1", "status": "failed" }));
        let event = state.emit_change("refund.updated", &before, &after, &Cause::default());
        let data = &state.find("event", &event).unwrap()["data"];
        assert_eq!(*data, json!({ "object": after, "previous_attributes": { "status": "pending" } }));
    }
}
