//! Values that tables have as bytes: the number of their form, then the value.
//!
//! After a rollback, or in a gradual deployment, one release finds what the next one wrote. So each reads its own form and the
//! one before, and a release that changes a form still writes the one before it; only the next release writes the new one.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::bytes;
use crate::sql::{SqlError, Value};

/// What this release reads and writes.
const FORM: u8 = 1;

pub(crate) fn store<T: Serialize>(value: &T) -> Value {
    Value::Blob(bytes::write_after(vec![FORM], value))
}

/// What a column has.
pub(crate) fn stored<T: DeserializeOwned>(column: &str, bytes: &[u8]) -> Result<T, SqlError> {
    match bytes {
        [FORM, value @ ..] => bytes::read(value).map_err(|error| SqlError(format!("{column}: {error}"))),
        [form, ..] => Err(SqlError(format!(
            "{column} has form {form}, made by a newer deploy, and this deploy knows {FORM}: deploy the newer one again"
        ))),
        [] => Err(SqlError(format!("{column} is empty"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_newer_deploy_stored_is_not_misread() {
        let Value::Blob(mut bytes) = store(&vec![7_i64]) else { panic!("no bytes") };
        assert_eq!(stored::<Vec<i64>>("c", &bytes).unwrap(), [7]);
        assert!(stored::<Vec<i64>>("c", &bytes[..2]).is_err() && stored::<Vec<i64>>("c", &[]).is_err());
        bytes[0] += 1;
        let error = stored::<Vec<i64>>("users.holds", &bytes).unwrap_err().to_string();
        assert!(error.contains("users.holds has form 2, made by a newer deploy"), "{error}");
    }
}
