use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::money::Cents;
use crate::wallet::Value;

/// How SQLite stores a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnType {
    /// `INTEGER`
    Integer,
    /// `REAL`
    Real,
    /// `TEXT`
    Text,
    /// `BLOB`
    Blob,
}

impl ColumnType {
    pub(crate) const fn sql(self) -> &'static str {
        match self {
            Self::Integer => "INTEGER",
            Self::Real => "REAL",
            Self::Text => "TEXT",
            Self::Blob => "BLOB",
        }
    }

    /// What a column that is neither optional nor given a default starts with.
    pub(crate) const fn zero(self) -> DefaultValue {
        match self {
            Self::Integer => DefaultValue::Integer(0),
            Self::Real => DefaultValue::Real(0.0),
            Self::Text => DefaultValue::Text(""),
            Self::Blob => DefaultValue::Blob(&[]),
        }
    }
}

/// A type that can be a column.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a column",
    label = "no `Column` type",
    note = "columns are `String`, `bool`, `i8` to `i64`, `u8` to `u32`, `f64`, `Vec<u8>`, `Cents` and `Option` of these",
    note = "any serde type can be stored as JSON with `#[column(json)]`, or implement `stripeflare::Column` for `{Self}`"
)]
pub trait Column: Sized {
    /// How SQLite stores it.
    const TYPE: ColumnType;
    /// Whether `NULL` is one of its values.
    const NULLABLE: bool = false;

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

/// A column's constant default.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs, reason = "named after what they hold")]
pub enum DefaultValue {
    Bool(bool),
    Integer(i64),
    Real(f64),
    Text(&'static str),
    Blob(&'static [u8]),
}

impl DefaultValue {
    /// The value in a row that has never been written.
    pub(crate) fn value(self) -> Value {
        match self {
            Self::Bool(truth) => Value::Integer(i64::from(truth)),
            Self::Integer(integer) => Value::Integer(integer),
            Self::Real(real) => Value::Real(real),
            Self::Text(text) => Value::Text(text.to_owned()),
            Self::Blob(bytes) => Value::Blob(bytes.to_vec()),
        }
    }

    pub(crate) fn literal(self) -> String {
        match self {
            Self::Bool(truth) => i64::from(truth).to_string(),
            Self::Integer(integer) => integer.to_string(),
            Self::Real(real) => serde_json::to_string(&real).expect("a literal is a finite number"),
            Self::Text(text) => format!("'{}'", text.replace('\'', "''")),
            Self::Blob(bytes) => format!("x'{}'", hex::encode(bytes)),
        }
    }
}

/// One declared column.
#[derive(Clone, Copy, Debug)]
pub struct ColumnDef {
    pub(crate) name: &'static str,
    pub(crate) column_type: ColumnType,
    pub(crate) nullable: bool,
    pub(crate) default: Option<DefaultValue>,
    pub(crate) index: bool,
    pub(crate) unique: bool,
    pub(crate) since: u32,
    pub(crate) public: bool,
    pub(crate) renamed_from: Option<&'static str>,
}

#[allow(missing_docs, reason = "called by the derive macro alone; each sets the field of its name")]
impl ColumnDef {
    #[must_use]
    pub const fn new(name: &'static str, column_type: ColumnType, nullable: bool) -> Self {
        Self {
            name,
            column_type,
            nullable,
            default: None,
            index: false,
            unique: false,
            since: 1,
            public: false,
            renamed_from: None,
        }
    }

    #[must_use]
    pub const fn default(mut self, value: DefaultValue) -> Self {
        self.default = Some(value);
        self
    }

    #[must_use]
    pub const fn index(mut self) -> Self {
        self.index = true;
        self
    }

    #[must_use]
    pub const fn unique(mut self) -> Self {
        self.unique = true;
        self
    }

    #[must_use]
    pub const fn since(mut self, version: u32) -> Self {
        self.since = version;
        self
    }

    #[must_use]
    pub const fn public(mut self) -> Self {
        self.public = true;
        self
    }

    #[must_use]
    pub const fn renamed_from(mut self, name: &'static str) -> Self {
        self.renamed_from = Some(name);
        self
    }

    /// What a new row holds.
    pub(crate) fn initial(&self) -> Value {
        match (self.default, self.nullable) {
            (Some(value), _) => value.value(),
            (None, true) => Value::Null,
            (None, false) => self.column_type.zero().value(),
        }
    }
}

/// A column that versions before `since` had.
#[derive(Clone, Copy, Debug)]
pub struct Dropped {
    pub(crate) name: &'static str,
    pub(crate) since: u32,
}

impl Dropped {
    /// `name` is gone from version `since` on.
    #[must_use]
    pub const fn new(name: &'static str, since: u32) -> Self {
        Self { name, since }
    }
}

/// An index over several columns.
#[derive(Clone, Copy, Debug)]
pub struct IndexDef {
    pub(crate) columns: &'static [&'static str],
    pub(crate) since: u32,
}

impl IndexDef {
    /// An index over `columns` from version `since` on.
    #[must_use]
    pub const fn new(columns: &'static [&'static str], since: u32) -> Self {
        Self { columns, since }
    }
}

/// SQL of one version, run after its columns were added.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    pub(crate) version: u32,
    pub(crate) sql: &'static str,
}

impl Step {
    /// `sql` runs once, with version `version`.
    #[must_use]
    pub const fn new(version: u32, sql: &'static str) -> Self {
        Self { version, sql }
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
    pub(crate) fn new(row: &'a [Value]) -> Self {
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
    pub(crate) values: Vec<Value>,
}

impl ColumnWriter {
    /// Adds a column's value.
    pub fn push<T: Column>(&mut self, value: &T) {
        self.values.push(value.to_value());
    }

    /// Adds a column's value as JSON.
    pub fn push_json<T: Serialize>(&mut self, value: &T) {
        self.values.push(serde_json::to_string(value).map_or(Value::Null, Value::Text));
    }
}
