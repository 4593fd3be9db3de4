//! Objects as the API shows them.

use serde_json::{Value, json};

/// A field that our own objects always have.
pub(crate) fn text(object: &Value, field: &str) -> String {
    object[field].as_str().unwrap_or_default().to_owned()
}

/// As [`text`].
pub(crate) fn number(object: &Value, field: &str) -> i64 {
    object[field].as_i64().unwrap_or_default()
}

/// Adds the fields of one object to another.
pub(crate) fn merge(into: &mut Value, more: Value) {
    if let (Value::Object(into), Value::Object(more)) = (into, more) {
        into.extend(more);
    }
}

/// Metadata as it is shown.
pub(crate) fn metadata(pairs: Vec<(String, String)>) -> Value {
    // An empty value unsets a key; on creation there is nothing to unset.
    let pairs = pairs.into_iter().filter(|(_, value)| !value.is_empty());
    Value::Object(pairs.map(|(key, value)| (key, json!(value))).collect())
}
