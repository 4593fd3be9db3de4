use std::fmt;

use serde::{Deserialize, Serialize};

use crate::account::AccountId;
use crate::money::Cents;

/// One SQLite value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Value {
    /// `NULL`
    Null,
    /// `INTEGER`, within ±(2^53 − 1): values cross to SQLite as JavaScript numbers
    Integer(i64),
    /// `REAL`
    Real(#[serde(with = "bits")] f64),
    /// `TEXT`
    Text(String),
    /// `BLOB`
    Blob(#[serde(with = "digits")] Vec<u8>),
}

/// Decimals do not survive every JSON parser to the last bit.
mod bits {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(real: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        real.to_bits().serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        u64::deserialize(deserializer).map(f64::from_bits)
    }
}

/// Hexadecimal: JSON has no bytes.
mod digits {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        hex::encode(bytes).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        hex::decode(String::deserialize(deserializer)?).map_err(Error::custom)
    }
}

impl From<i64> for Value {
    fn from(integer: i64) -> Self {
        Self::Integer(integer)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// One row of a result, in the order of the selected columns.
pub(crate) type Row = Vec<Value>;

/// A SQLite database: the object's own in workerd, rusqlite in native tests.
pub(crate) trait Sql {
    /// Runs one statement and answers all of its rows.
    fn run(&self, statement: &str, parameters: &[Value]) -> Result<Vec<Row>, SqlError>;
}

/// SQLite, or the runtime around it, refused a statement.
#[derive(Debug)]
pub(crate) struct SqlError(pub(crate) String);

impl fmt::Display for SqlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SQLite: {}", self.0)
    }
}

impl std::error::Error for SqlError {}

/// Reads the values of one row one after the other.
pub(crate) struct Reader<I>(I);

impl<I: Iterator<Item = Value>> Reader<I> {
    pub(crate) fn new(row: impl IntoIterator<IntoIter = I>) -> Self {
        Self(row.into_iter())
    }

    pub(crate) fn rest(self) -> Row {
        self.0.collect()
    }

    pub(crate) fn integer(&mut self) -> Result<i64, SqlError> {
        self.optional_integer()?.ok_or_else(|| SqlError("NULL where a number belongs".into()))
    }

    pub(crate) fn cents(&mut self) -> Result<Cents, SqlError> {
        self.optional_cents()?.ok_or_else(|| SqlError("NULL where an amount belongs".into()))
    }

    pub(crate) fn optional_cents(&mut self) -> Result<Option<Cents>, SqlError> {
        let amount =
            |units| Cents::checked_from_units(units).ok_or_else(|| SqlError("a number that is no amount".into()));
        self.optional_integer()?.map(amount).transpose()
    }

    pub(crate) fn optional_integer(&mut self) -> Result<Option<i64>, SqlError> {
        match self.0.next() {
            Some(Value::Integer(integer)) => Ok(Some(integer)),
            Some(Value::Null) => Ok(None),
            _ => Err(SqlError("something else where an integer belongs".into())),
        }
    }

    pub(crate) fn account(&mut self) -> Result<AccountId, SqlError> {
        self.optional_account()?.ok_or_else(|| SqlError("NULL where an account's id belongs".into()))
    }

    pub(crate) fn optional_account(&mut self) -> Result<Option<AccountId>, SqlError> {
        let id = self.optional_text()?.map(|id| id.parse()).transpose();
        id.map_err(|error| SqlError(format!("something else where an account's id belongs: {error}")))
    }

    pub(crate) fn text(&mut self) -> Result<String, SqlError> {
        self.optional_text()?.ok_or_else(|| SqlError("NULL where a text belongs".into()))
    }

    pub(crate) fn optional_text(&mut self) -> Result<Option<String>, SqlError> {
        match self.0.next() {
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(Value::Null) => Ok(None),
            _ => Err(SqlError("something else where a text belongs".into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_travel_unchanged() {
        let reals = [0.1, 1.0 / 3.0, f64::MAX, f64::MIN_POSITIVE, -0.0, 123_456_789.123_456_79].map(Value::Real);
        let others = [Value::Null, Value::Integer(i64::MIN), Value::Blob(vec![0, 255]), "Zoë\0\n".into()];
        for value in reals.into_iter().chain(others) {
            let json = serde_json::to_string(&value).unwrap();
            assert_eq!(serde_json::from_str::<Value>(&json).unwrap(), value, "{json}");
        }
    }
}

#[cfg(test)]
pub(crate) mod testing {
    use super::{Row, Sql, SqlError, Value};
    use proptest::test_runner::{Config, RngSeed};
    use rusqlite::types::ValueRef;

    /// A database in memory.
    pub(crate) fn database() -> rusqlite::Connection {
        rusqlite::Connection::open_in_memory().unwrap()
    }

    /// Random histories of so many steps each; a variable says how many steps in all.
    pub(crate) fn histories(variable: &str, usual: usize, each: usize, seed: u64) -> Config {
        let steps: usize = std::env::var(variable).ok().and_then(|steps| steps.parse().ok()).unwrap_or(usual);
        let cases = u32::try_from(steps.div_ceil(each)).unwrap();
        println!("seed {seed}, {cases} histories of {each} steps");
        Config { cases, rng_seed: RngSeed::Fixed(seed), failure_persistence: None, ..Config::default() }
    }

    impl Sql for rusqlite::Connection {
        fn run(&self, statement: &str, parameters: &[Value]) -> Result<Vec<Row>, SqlError> {
            let run = || {
                let mut statement = self.prepare_cached(statement)?;
                let columns = statement.column_count();
                let parameters = rusqlite::params_from_iter(parameters.iter().map(|value| match value {
                    Value::Null => rusqlite::types::Value::Null,
                    Value::Integer(integer) => rusqlite::types::Value::Integer(*integer),
                    Value::Real(real) => rusqlite::types::Value::Real(*real),
                    Value::Text(text) => rusqlite::types::Value::Text(text.clone()),
                    Value::Blob(blob) => rusqlite::types::Value::Blob(blob.clone()),
                }));
                let rows = statement.query_map(parameters, |row| {
                    (0..columns)
                        .map(|column| {
                            Ok(match row.get_ref(column)? {
                                ValueRef::Null => Value::Null,
                                ValueRef::Integer(integer) => Value::Integer(integer),
                                ValueRef::Real(real) => Value::Real(real),
                                ValueRef::Text(text) => Value::Text(String::from_utf8_lossy(text).into_owned()),
                                ValueRef::Blob(blob) => Value::Blob(blob.to_vec()),
                            })
                        })
                        .collect()
                })?;
                rows.collect::<rusqlite::Result<Vec<Row>>>()
            };
            run().map_err(|error| SqlError(error.to_string()))
        }
    }
}
