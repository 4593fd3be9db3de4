use std::fmt;

use serde::{Deserialize, Serialize};

use crate::identity::AccountId;
use crate::money::Cents;

/// One SQLite value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Value {
    /// `NULL`
    Null,
    /// `INTEGER`, within ±(2^53 − 1): values cross to SQLite as JavaScript numbers
    Integer(i64),
    /// `REAL`
    Real(f64),
    /// `TEXT`
    Text(String),
    /// `BLOB`
    Blob(Vec<u8>),
}

impl From<i64> for Value {
    fn from(integer: i64) -> Self {
        Self::Integer(integer)
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Self::Integer(i64::from(truth))
    }
}

impl From<f64> for Value {
    fn from(real: f64) -> Self {
        Self::Real(real)
    }
}

impl From<Cents> for Value {
    /// Ten-thousandths of a cent, as columns have it.
    fn from(amount: Cents) -> Self {
        Self::Integer(amount.units())
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
pub type Row = Vec<Value>;

/// A SQLite database: the object's own in workerd, rusqlite in native tests.
pub trait Sql {
    /// Runs one statement and answers all of its rows.
    fn run(&self, statement: &str, parameters: &[Value]) -> Result<Vec<Row>, SqlError>;

    /// Whether there is one at all: without, every statement is an error.
    fn is_there(&self) -> bool {
        true
    }
}

/// No database, for what can be done without one.
pub struct NoSql;

impl Sql for NoSql {
    fn run(&self, _statement: &str, _parameters: &[Value]) -> Result<Vec<Row>, SqlError> {
        Err(SqlError("there is no database to ask".into()))
    }

    fn is_there(&self) -> bool {
        false
    }
}

/// SQLite, or the runtime around it, refused a statement.
#[derive(Debug)]
pub struct SqlError(pub String);

impl fmt::Display for SqlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SQLite: {}", self.0)
    }
}

impl std::error::Error for SqlError {}

/// What each row says, in their order. Less code than to collect an iterator.
pub fn read_all<T, E>(rows: Vec<Row>, mut read: impl FnMut(Row) -> Result<T, E>) -> Result<Vec<T>, E> {
    let mut all = Vec::new();
    for row in rows {
        all.push(read(row)?);
    }
    Ok(all)
}

/// One of a few states, which tables keep by its name.
pub trait Named: Copy + 'static {
    const ALL: &'static [Self];

    fn name(self) -> &'static str;
}

impl<N: Named> From<N> for Value {
    fn from(named: N) -> Self {
        named.name().into()
    }
}

/// Reads the values of one row one after the other.
pub struct Reader(std::vec::IntoIter<Value>);

impl Reader {
    pub fn new(row: Row) -> Self {
        Self(row.into_iter())
    }

    pub fn rest(self) -> Row {
        self.0.collect()
    }

    pub fn integer(&mut self) -> Result<i64, SqlError> {
        self.optional_integer()?.ok_or_else(|| SqlError("NULL where a number belongs".into()))
    }

    pub fn cents(&mut self) -> Result<Cents, SqlError> {
        self.optional_cents()?.ok_or_else(|| SqlError("NULL where an amount belongs".into()))
    }

    pub fn optional_cents(&mut self) -> Result<Option<Cents>, SqlError> {
        let amount =
            |units| Cents::checked_from_units(units).ok_or_else(|| SqlError("a number that is no amount".into()));
        self.optional_integer()?.map(amount).transpose()
    }

    pub fn optional_integer(&mut self) -> Result<Option<i64>, SqlError> {
        match self.0.next() {
            Some(Value::Integer(integer)) => Ok(Some(integer)),
            Some(Value::Null) => Ok(None),
            _ => Err(SqlError("something else where an integer belongs".into())),
        }
    }

    pub fn account(&mut self) -> Result<AccountId, SqlError> {
        self.optional_account()?.ok_or_else(|| SqlError("NULL where an account's id belongs".into()))
    }

    pub fn optional_account(&mut self) -> Result<Option<AccountId>, SqlError> {
        let id = self.optional_text()?.map(|id| id.parse()).transpose();
        id.map_err(|error| SqlError(format!("something else where an account's id belongs: {error}")))
    }

    pub fn blob(&mut self) -> Result<Vec<u8>, SqlError> {
        match self.0.next() {
            Some(Value::Blob(bytes)) => Ok(bytes),
            _ => Err(SqlError("something else where bytes belong".into())),
        }
    }

    pub fn named<N: Named>(&mut self) -> Result<N, SqlError> {
        let name = self.text()?;
        let found = N::ALL.iter().find(|named| named.name() == name);
        found.copied().ok_or_else(|| SqlError(format!("{name:?} where one of a few names belongs")))
    }

    pub fn text(&mut self) -> Result<String, SqlError> {
        self.optional_text()?.ok_or_else(|| SqlError("NULL where a text belongs".into()))
    }

    pub fn optional_text(&mut self) -> Result<Option<String>, SqlError> {
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
    use crate::bytes;

    #[test]
    fn values_travel_unchanged() {
        let reals = [0.1, 1.0 / 3.0, f64::MAX, f64::MIN_POSITIVE, -0.0, 123_456_789.123_456_79].map(Value::Real);
        let others = [Value::Null, Value::Integer(i64::MIN), Value::Blob(vec![0, 255]), "Zoë\0\n".into()];
        for value in reals.into_iter().chain(others) {
            assert_eq!(bytes::read(&bytes::write(&value)), Ok(value));
        }
    }
}
