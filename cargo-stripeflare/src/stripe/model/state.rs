//! Objects as the API shows them, and what is still to be sent.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::deliveries::Deliveries;
use crate::stripe::clock::Clock;
use crate::stripe::wire::error::{ApiError, ApiResult};
use crate::stripe::wire::json::text;

/// The Stripe account that is played.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    pub(crate) id: String,
    pub(crate) livemode: bool,
    pub(crate) clock: Clock,
    /// Of events that are looked up; an endpoint may be sent another one.
    pub(crate) api_version: String,
    /// `http://127.0.0.1:<port>`
    pub(crate) url: String,
}

#[cfg(test)]
impl Account {
    pub(crate) fn for_tests() -> Self {
        Self {
            id: "acct_1".to_owned(),
            livemode: false,
            clock: Clock::default(),
            api_version: "2026-07-29.dahlia".to_owned(),
            url: "http://127.0.0.1:1".to_owned(),
        }
    }
}

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) account: Account,
    /// By kind (`charge`), oldest first.
    objects: HashMap<String, Table>,
    pub(crate) idempotency: HashMap<String, Remembered>,
    /// Secrets of the webhook endpoints; several while one is being rolled.
    pub(crate) endpoint_secrets: HashMap<String, Vec<String>>,
    pub(crate) deliveries: Deliveries,
    /// How the bank debits of sessions will end.
    pub(crate) unsettled: BTreeMap<String, bool>,
}

#[derive(Debug, Default)]
struct Table {
    rows: Vec<Value>,
    by_id: HashMap<String, usize>,
}

/// What an Idempotency-Key stands for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Remembered {
    /// Method, path and parameters.
    pub(crate) request: String,
    pub(crate) status: u16,
    pub(crate) body: Value,
}

impl State {
    pub(crate) fn new(account: Account) -> Self {
        Self {
            account,
            objects: HashMap::new(),
            idempotency: HashMap::new(),
            endpoint_secrets: HashMap::new(),
            deliveries: Deliveries::default(),
            unsettled: BTreeMap::new(),
        }
    }

    pub(crate) fn now_s(&self) -> i64 {
        self.account.clock.now_s()
    }

    /// Adds an object under its own `object` and `id`.
    pub(crate) fn insert(&mut self, object: Value) -> Value {
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

    pub(crate) fn find(&self, kind: &str, id: &str) -> Option<&Value> {
        let table = self.objects.get(kind)?;
        table.by_id.get(id).map(|row| &table.rows[*row])
    }

    pub(crate) fn get(&self, kind: &str, id: &str, param: &str) -> ApiResult<&Value> {
        self.find(kind, id).ok_or_else(|| ApiError::no_such(kind, id, param))
    }

    /// Changes an object and returns it as it is then. The object must be there.
    pub(crate) fn update(&mut self, kind: &str, id: &str, change: impl FnOnce(&mut Value)) -> Value {
        let table = self.objects.get_mut(kind).expect("the object exists");
        let row = &mut table.rows[table.by_id[id]];
        change(row);
        row.clone()
    }

    pub(crate) fn remove(&mut self, kind: &str, id: &str) {
        if let Some(table) = self.objects.get_mut(kind) {
            table.rows.retain(|row| row["id"] != id);
            table.by_id = table.rows.iter().enumerate().map(|(row, object)| (text(object, "id"), row)).collect();
        }
    }

    /// Each kind with its objects, oldest first.
    pub(crate) fn kinds(&self) -> impl Iterator<Item = (&str, &[Value])> {
        self.objects.iter().map(|(kind, table)| (kind.as_str(), table.rows.as_slice()))
    }

    /// Newest first, as the API lists.
    pub(crate) fn all(&self, kind: &str) -> impl Iterator<Item = &Value> {
        self.objects.get(kind).into_iter().flat_map(|table| table.rows.iter().rev())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn objects_are_listed_newest_first_and_changed_in_place() {
        let mut state = State::new(Account::for_tests());
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
}
