//! What the stand-in knows: objects as the API shows them, events, and what is still to be sent.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Value, json};

use super::error::{ApiError, ApiResult};
use super::webhooks::Deliveries;
use super::{API_VERSION, Clock, ids};

/// The Stripe account that is played.
#[derive(Debug, Clone)]
pub(super) struct Account {
    pub(super) id: String,
    pub(super) livemode: bool,
    pub(super) clock: Clock,
    /// `http://127.0.0.1:<port>`
    pub(super) url: String,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) account: Account,
    /// By kind (`charge`), oldest first.
    objects: HashMap<String, Table>,
    pub(super) idempotency: HashMap<String, Remembered>,
    /// Secrets of the webhook endpoints; several while one is being rolled.
    pub(super) endpoint_secrets: HashMap<String, Vec<String>>,
    pub(super) deliveries: Deliveries,
    /// How the bank debits of sessions will end.
    pub(super) unsettled: BTreeMap<String, bool>,
}

#[derive(Debug, Default)]
struct Table {
    rows: Vec<Value>,
    by_id: HashMap<String, usize>,
}

/// What an Idempotency-Key stands for.
#[derive(Debug)]
pub(super) struct Remembered {
    /// Method, path and parameters.
    pub(super) request: String,
    pub(super) status: u16,
    pub(super) body: Value,
}

/// Which request caused an event.
#[derive(Debug, Clone, Default)]
pub(super) struct Cause {
    pub(super) request_id: Option<String>,
    pub(super) idempotency_key: Option<String>,
}

impl State {
    pub(super) fn new(account: Account) -> Self {
        Self {
            account,
            objects: HashMap::new(),
            idempotency: HashMap::new(),
            endpoint_secrets: HashMap::new(),
            deliveries: Deliveries::default(),
            unsettled: BTreeMap::new(),
        }
    }

    pub(super) fn now_s(&self) -> i64 {
        self.account.clock.now_s()
    }

    /// Adds an object under its own `object` and `id`.
    pub(super) fn insert(&mut self, object: Value) -> Value {
        let (kind, id) = (text(&object, "object"), text(&object, "id"));
        let table = self.objects.entry(kind).or_default();
        match table.by_id.get(&id) {
            Some(row) => table.rows[*row] = object.clone(),
            None => {
                table.by_id.insert(id, table.rows.len());
                table.rows.push(object.clone());
            }
        }
        object
    }

    pub(super) fn find(&self, kind: &str, id: &str) -> Option<&Value> {
        let table = self.objects.get(kind)?;
        table.by_id.get(id).map(|row| &table.rows[*row])
    }

    pub(super) fn get(&self, kind: &str, id: &str, param: &str) -> ApiResult<&Value> {
        self.find(kind, id).ok_or_else(|| ApiError::no_such(kind, id, param))
    }

    /// Changes an object and returns it as it is then. The object must be there.
    pub(super) fn update(&mut self, kind: &str, id: &str, change: impl FnOnce(&mut Value)) -> Value {
        let table = self.objects.get_mut(kind).expect("the object exists");
        let row = &mut table.rows[table.by_id[id]];
        change(row);
        row.clone()
    }

    pub(super) fn remove(&mut self, kind: &str, id: &str) {
        if let Some(table) = self.objects.get_mut(kind) {
            table.rows.retain(|row| row["id"] != id);
            table.by_id = table.rows.iter().enumerate().map(|(row, object)| (text(object, "id"), row)).collect();
        }
    }

    /// Newest first, as the API lists.
    pub(super) fn all(&self, kind: &str) -> impl Iterator<Item = &Value> {
        self.objects.get(kind).into_iter().flat_map(|table| table.rows.iter().rev())
    }

    /// Records that something happened, and queues it for the endpoints that want to know.
    pub(super) fn emit(&mut self, kind: &str, object: &Value, cause: &Cause) -> String {
        self.emit_with(kind, object, cause, json!({}))
    }

    /// As [`State::emit`], with fields of the event that are set otherwise than usual, such as `account`.
    pub(super) fn emit_with(&mut self, kind: &str, object: &Value, cause: &Cause, more: Value) -> String {
        let endpoints: Vec<String> = self
            .all("webhook_endpoint")
            .filter(|endpoint| endpoint["status"] == "enabled" && wants(endpoint, kind))
            .map(|endpoint| text(endpoint, "id"))
            .collect();
        let id = ids::of_account("evt");
        let mut event = json!({
            "api_version": API_VERSION,
            "created": self.now_s(),
            "data": { "object": object },
            "id": id,
            "livemode": self.account.livemode,
            "object": "event",
            "pending_webhooks": endpoints.len(),
            "request": { "id": cause.request_id, "idempotency_key": cause.idempotency_key },
            "type": kind,
        });
        super::method::merge(&mut event, more);
        self.insert(event);
        for endpoint in endpoints {
            self.deliveries.queue(&id, kind, &endpoint);
        }
        id
    }
}

fn wants(endpoint: &Value, kind: &str) -> bool {
    let events = endpoint["enabled_events"].as_array();
    events.is_some_and(|events| events.iter().any(|event| event == "*" || event == kind))
}

/// A field that our own objects always have.
pub(super) fn text(object: &Value, field: &str) -> String {
    object[field].as_str().unwrap_or_default().to_owned()
}

pub(super) fn number(object: &Value, field: &str) -> i64 {
    object[field].as_i64().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> State {
        let url = "http://127.0.0.1:1".to_owned();
        State::new(Account { id: "acct_1".to_owned(), livemode: false, clock: Clock::default(), url })
    }

    #[test]
    fn objects_are_listed_newest_first_and_changed_in_place() {
        let mut state = state();
        for id in ["ch_1", "ch_2", "ch_3"] {
            state.insert(json!({ "object": "charge", "id": id, "paid": false }));
        }
        state.update("charge", "ch_1", |charge| charge["paid"] = json!(true));
        state.remove("charge", "ch_2");
        let ids: Vec<&str> = state.all("charge").filter_map(|charge| charge["id"].as_str()).collect();
        assert_eq!(ids, ["ch_3", "ch_1"]);
        assert_eq!(state.get("charge", "ch_1", "id").unwrap()["paid"], true);
        assert!(state.get("charge", "ch_2", "id").is_err());
    }

    #[test]
    fn events_go_to_the_endpoints_that_want_them() {
        let mut state = state();
        for (id, events) in [("we_1", json!(["*"])), ("we_2", json!(["refund.created"]))] {
            state.insert(json!({
                "object": "webhook_endpoint", "id": id, "status": "enabled", "enabled_events": events,
            }));
        }
        let event = state.emit("charge.succeeded", &json!({}), &Cause::default());
        assert_eq!(state.find("event", &event).unwrap()["pending_webhooks"], 1);
        assert_eq!(state.deliveries.all().len(), 1);
    }
}
