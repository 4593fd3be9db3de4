use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;
use stripeflare_schema::{ColumnDef, ColumnType, DefaultValue, Shown};

use crate::money::Cents;
use crate::sql::Value;

/// A type that can be a column.
///
/// Implement it for your own types by way of one that is a column already. A column without a default starts as 0, as an
/// empty text or as an empty blob, or as `NULL` where that is a value: [`Column::from_value`] must accept it.
///
/// ```
/// use stripeflare_core::schema::{Column, ColumnType};
/// use stripeflare_core::sql::Value;
///
/// struct Color([u8; 3]);
///
/// impl Column for Color {
///     const TYPE: ColumnType = ColumnType::Integer;
///
///     fn to_value(&self) -> Value {
///         let [red, green, blue] = self.0;
///         u32::from_be_bytes([0, red, green, blue]).to_value()
///     }
///
///     fn from_value(value: Value) -> Option<Self> {
///         let [_, red, green, blue] = u32::from_value(value)?.to_be_bytes();
///         Some(Self([red, green, blue]))
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a column",
    label = "no `Column` type",
    note = "columns are `String`, `bool`, `i8` to `i64`, `u8` to `u32`, `f64`, `Vec<u8>`, `Cents`, `Timestamp`, enums with `#[derive(ColumnEnum)]`, and `Option` of these",
    note = "any serde type can be stored as JSON with `#[column(json)]`, or implement `stripeflare::Column` for `{Self}`"
)]
pub trait Column: Sized {
    /// How SQLite stores it.
    const TYPE: ColumnType;
    /// Whether `NULL` is one of its values.
    const NULLABLE: bool = false;
    /// How it is shown.
    #[doc(hidden)]
    const SHOWN: Shown = Shown::Plain;
    /// All its values, where they can be listed.
    #[doc(hidden)]
    const VALUES: &'static [&'static str] = &[];

    /// The value as SQLite stores it.
    fn to_value(&self) -> Value;

    /// The value SQLite stored, or `None` when it is not one of this type.
    fn from_value(value: Value) -> Option<Self>;
}

impl Column for String {
    const TYPE: ColumnType = ColumnType::Text;
    fn to_value(&self) -> Value {
        Value::Text(self.clone())
    }
    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }
}

impl Column for Vec<u8> {
    const TYPE: ColumnType = ColumnType::Blob;
    fn to_value(&self) -> Value {
        Value::Blob(self.clone())
    }
    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Blob(bytes) => Some(bytes),
            _ => None,
        }
    }
}

impl Column for bool {
    const TYPE: ColumnType = ColumnType::Integer;
    const SHOWN: Shown = Shown::Bool;
    fn to_value(&self) -> Value {
        Value::Integer(i64::from(*self))
    }
    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Integer(0) => Some(false),
            Value::Integer(1) => Some(true),
            _ => None,
        }
    }
}

impl Column for f64 {
    const TYPE: ColumnType = ColumnType::Real;
    fn to_value(&self) -> Value {
        Value::Real(*self)
    }
    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Real(real) => Some(real),
            // A whole number crosses JavaScript without saying that it is a REAL.
            Value::Integer(integer) => Some(integer as f64),
            _ => None,
        }
    }
}

impl Column for Cents {
    const TYPE: ColumnType = ColumnType::Integer;
    const SHOWN: Shown = Shown::Cents;
    fn to_value(&self) -> Value {
        Value::Integer(self.units())
    }
    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Integer(units) => Self::checked_from_units(units),
            _ => None,
        }
    }
}

macro_rules! integer_columns {
    ($($integer:ty),*) => {$(
        impl Column for $integer {
            const TYPE: ColumnType = ColumnType::Integer;
            fn to_value(&self) -> Value {
                Value::Integer(i64::from(*self))
            }
            fn from_value(value: Value) -> Option<Self> {
                match value {
                    Value::Integer(integer) => Self::try_from(integer).ok(),
                    _ => None,
                }
            }
        }
    )*};
}
integer_columns!(i8, i16, i32, i64, u8, u16, u32);

impl<T: Column> Column for Option<T> {
    const TYPE: ColumnType = T::TYPE;
    const NULLABLE: bool = true;
    const SHOWN: Shown = T::SHOWN;
    const VALUES: &'static [&'static str] = T::VALUES;
    fn to_value(&self) -> Value {
        self.as_ref().map_or(Value::Null, Column::to_value)
    }
    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Null => Some(None),
            value => T::from_value(value).map(Some),
        }
    }
}

/// The definition of a column without a default.
///
/// # Panics
/// When a new row could not be read: an enum starts with nothing.
#[must_use]
pub const fn column<T: Column>(name: &'static str) -> ColumnDef {
    assert!(
        T::NULLABLE || T::VALUES.is_empty(),
        "a new row has no value for this column: give it a `default = \"…\"`, or make it an `Option`"
    );
    ColumnDef::new(name, T::TYPE, T::NULLABLE).shown(T::SHOWN)
}

/// The definition of a column with a default.
///
/// # Panics
/// When the default is no value of the column's type.
#[must_use]
pub const fn column_with_default<T: Column>(name: &'static str, default: DefaultValue) -> ColumnDef {
    let fits = match (T::TYPE, default) {
        (ColumnType::Integer, DefaultValue::Integer(_))
        | (ColumnType::Real, DefaultValue::Real(_))
        | (ColumnType::Blob, DefaultValue::Blob(_)) => true,
        (ColumnType::Integer, DefaultValue::Bool(_)) => matches!(T::SHOWN, Shown::Bool),
        (ColumnType::Text, DefaultValue::Text(text)) => T::VALUES.is_empty() || contains(T::VALUES, text),
        _ => false,
    };
    assert!(fits, "this default is no value of the column's type");
    ColumnDef::new(name, T::TYPE, T::NULLABLE).shown(T::SHOWN).default(default)
}

/// Holds a column's type against what the schema lock records of it.
///
/// # Panics
/// With the message, when it is another.
pub const fn check_recorded_type<T: Column>(column_type: &str, nullable: bool, message: &'static str) {
    if !is_same(T::TYPE.sql().as_bytes(), column_type.as_bytes()) || T::NULLABLE != nullable {
        panic!("{}", message);
    }
}

const fn contains(values: &[&str], text: &str) -> bool {
    let mut at = 0;
    while at < values.len() {
        if is_same(values[at].as_bytes(), text.as_bytes()) {
            return true;
        }
        at += 1;
    }
    false
}

pub(crate) const fn is_same(a: &[u8], b: &[u8]) -> bool {
    let mut at = 0;
    while at < a.len() && at < b.len() {
        if a[at] != b[at] {
            return false;
        }
        at += 1;
    }
    a.len() == b.len()
}

/// The value that a default stands for; `None` is `NULL`.
pub(crate) fn default_value(default: Option<DefaultValue>) -> Value {
    match default {
        None => Value::Null,
        Some(DefaultValue::Bool(truth)) => Value::Integer(i64::from(truth)),
        Some(DefaultValue::Integer(integer)) => Value::Integer(integer),
        Some(DefaultValue::Real(real)) => Value::Real(real),
        Some(DefaultValue::Text(text)) => Value::Text(text.to_owned()),
        Some(DefaultValue::Blob(bytes)) => Value::Blob(bytes.to_vec()),
    }
}

/// A stored value does not fit the type of its column.
#[derive(Debug)]
pub struct ColumnError {
    column: String,
}

impl fmt::Display for ColumnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the value stored in column `{}` does not fit its type", self.column)
    }
}

impl std::error::Error for ColumnError {}

/// The values of a row, read in the order of the columns.
#[derive(Debug)]
pub struct ColumnReader<'a> {
    values: std::slice::Iter<'a, Value>,
}

impl<'a> ColumnReader<'a> {
    pub fn new(row: &'a [Value]) -> Self {
        Self { values: row.iter() }
    }

    /// The next column's value.
    ///
    /// # Errors
    /// When the row has no more values, or this one is of another type.
    pub fn next<T: Column>(&mut self, column: &str) -> Result<T, ColumnError> {
        let value = self.values.next().cloned();
        value.and_then(T::from_value).ok_or_else(|| ColumnError { column: column.to_owned() })
    }

    /// The next column's value, stored as JSON.
    ///
    /// # Errors
    /// As [`ColumnReader::next`].
    pub fn next_json<T: DeserializeOwned>(&mut self, column: &str) -> Result<T, ColumnError> {
        let text: Option<String> = self.next(column)?;
        serde_json::from_str(text.as_deref().filter(|text| !text.is_empty()).unwrap_or("null"))
            .map_err(|_| ColumnError { column: column.to_owned() })
    }
}

/// The values of a row, written in the order of the columns.
#[derive(Debug, Default)]
pub struct ColumnWriter {
    pub values: Vec<Value>,
    /// The first value that cannot be stored: its place and why.
    problem: Option<(usize, String)>,
}

/// All columns of an account together: a row of SQLite holds 2 MB, the wallet's own columns among them.
const MAX_BYTES: usize = 1_000_000;
/// Numbers cross to SQLite through JavaScript.
const MAX_INTEGER: u64 = (1 << 53) - 1;

impl ColumnWriter {
    /// Adds a column's value.
    pub fn push<T: Column>(&mut self, value: &T) {
        self.add(value.to_value());
    }

    /// Adds a column's value as JSON.
    pub fn push_json<T: Serialize>(&mut self, value: &T) {
        let json = serde_json::to_string(value).map(Value::Text);
        self.add_json(json);
    }

    fn add_json(&mut self, json: Result<Value, serde_json::Error>) {
        match json {
            Ok(json) => self.add(json),
            Err(error) => {
                self.complain(format!("has no JSON: {error}"));
                self.values.push(Value::Null);
            }
        }
    }

    fn add(&mut self, value: Value) {
        match &value {
            Value::Integer(integer) if integer.unsigned_abs() > MAX_INTEGER => {
                self.complain(format!("cannot be {integer}: whole numbers go from -(2^53 - 1) to 2^53 - 1"));
            }
            Value::Real(real) if !real.is_finite() => self.complain(format!("cannot be {real}: it is no number")),
            _ => {}
        }
        self.values.push(value);
    }

    fn complain(&mut self, problem: String) {
        self.problem.get_or_insert((self.values.len(), problem));
    }

    /// The values, or why they cannot be stored, in a sentence that begins with the column's name.
    pub fn finish(self, columns: &[ColumnDef]) -> Result<Vec<Value>, String> {
        if let Some((place, problem)) = self.problem {
            return Err(format!("`{}` {problem}.", columns.get(place).map_or("", |column| column.name)));
        }
        let length = |value: &Value| match value {
            Value::Text(text) => text.len(),
            Value::Blob(bytes) => bytes.len(),
            _ => 0,
        };
        let longest = self.values.iter().zip(columns).max_by_key(|(value, _)| length(value));
        match longest {
            Some((_, column)) if self.values.iter().map(length).sum::<usize>() > MAX_BYTES => {
                Err(format!("`{}` is too long: the columns of an account hold a megabyte together.", column.name))
            }
            _ => Ok(self.values),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: &[ColumnDef] = &[column::<String>("first"), column::<i64>("second")];

    fn written(write: impl FnOnce(&mut ColumnWriter)) -> Result<Vec<Value>, String> {
        let mut writer = ColumnWriter::default();
        write(&mut writer);
        writer.finish(COLUMNS)
    }

    #[test]
    fn what_cannot_be_stored_is_said_with_its_column() {
        let whole = |integer: i64| {
            written(|row| {
                row.push(&String::new());
                row.push(&integer);
            })
        };
        assert!(whole((1 << 53) - 1).is_ok() && whole(1 - (1 << 53)).is_ok());
        for integer in [1 << 53, i64::MAX, i64::MIN, -(1 << 53)] {
            let problem = whole(integer).unwrap_err();
            assert!(problem.starts_with(&format!("`second` cannot be {integer}: ")), "{problem}");
        }
        for real in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert!(written(|row| row.push(&real)).unwrap_err().starts_with("`first` cannot be"));
        }
        assert!(written(|row| row.push(&f64::MAX)).is_ok());
        let keyed = std::collections::HashMap::from([(vec![1], 1)]);
        assert!(written(|row| row.push_json(&keyed)).unwrap_err().starts_with("`first` has no JSON: "));
        assert!(written(|row| row.push(&"x".repeat(MAX_BYTES))).is_ok());
        assert!(written(|row| row.push(&"x".repeat(MAX_BYTES + 1))).unwrap_err().starts_with("`first` is too long"));
    }

    #[test]
    fn every_type_is_read_as_it_was_written() {
        fn check<T: Column + PartialEq + std::fmt::Debug>(values: impl IntoIterator<Item = T>) {
            for value in values {
                let stored = value.to_value();
                assert_eq!(T::from_value(stored.clone()).as_ref(), Some(&value));
                // Whole numbers lose in JavaScript that they were REAL.
                if let Value::Real(real) = stored
                    && real.fract() == 0.0
                    && real.abs() < 1e15
                {
                    assert_eq!(T::from_value(Value::Integer(real as i64)), Some(value));
                }
            }
        }
        check([true, false]);
        check([0.5, -3.0, 1e300, f64::MIN_POSITIVE]);
        check([String::new(), "Zoë 🦀\0\n".to_owned()]);
        check([Vec::new(), vec![0, 255, 7]]);
        check([i8::MIN, i8::MAX]);
        check([u32::MIN, u32::MAX]);
        check([i64::MIN, i64::MAX]);
        check([Cents::MAX, Cents::from_units(-1)]);
        check([None, Some("x".to_owned())]);
        assert_eq!(u8::from_value(Value::Integer(256)), None);
        assert_eq!(bool::from_value(Value::Integer(2)), None);
        assert_eq!(String::from_value(Value::Null), None);
    }
}
