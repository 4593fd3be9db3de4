//! Schemas as text, written when the worker is compiled and read by the tool: only the compiler knows what the columns'
//! types are. They are a section of the WebAssembly file that is never loaded.

use std::fmt;

use crate::{ColumnDef, ColumnType, DefaultValue, Dropped, IndexDef, Schema, Shown, Step, USERS};

/// The name of the section.
pub const SECTION: &str = "stripeflare.schema";

/// Fields of a line end with this character, and lines with the next.
const FIELD: u8 = 0x1f;
const LINE: u8 = 0x1e;

/// Counts what does not fit.
struct Writer<const N: usize> {
    bytes: [u8; N],
    length: usize,
}

impl<const N: usize> Writer<N> {
    const fn byte(mut self, byte: u8) -> Self {
        if self.length < N {
            self.bytes[self.length] = byte;
        }
        self.length += 1;
        self
    }

    const fn bytes(mut self, bytes: &[u8]) -> Self {
        let mut at = 0;
        while at < bytes.len() {
            self = self.byte(bytes[at]);
            at += 1;
        }
        self
    }

    const fn field(self, text: &str) -> Self {
        self.bytes(text.as_bytes()).byte(FIELD)
    }

    const fn number(mut self, number: u64) -> Self {
        let mut divisor = 1;
        while number / divisor >= 10 {
            divisor *= 10;
        }
        while divisor > 0 {
            self = self.byte(b'0' + (number / divisor % 10) as u8);
            divisor /= 10;
        }
        self.byte(FIELD)
    }

    const fn flag(self, flag: bool) -> Self {
        self.number(flag as u64)
    }

    const fn default(self, default: Option<DefaultValue>) -> Self {
        match default {
            None => self.field("none"),
            Some(DefaultValue::Bool(truth)) => self.field("bool").flag(truth),
            Some(DefaultValue::Integer(integer)) => self.field("integer").number(integer as u64),
            Some(DefaultValue::Real(real)) => self.field("real").number(real.to_bits()),
            Some(DefaultValue::Text(text)) => self.field("text").field(text),
            Some(DefaultValue::Blob(_)) => panic!("the macros know no such default"),
        }
    }

    const fn column(self, column: &ColumnDef) -> Self {
        let shown = match column.shown {
            Shown::Plain => "plain",
            Shown::Bool => "bool",
            Shown::Cents => "cents",
            Shown::Timestamp => "timestamp",
            Shown::Json => "json",
        };
        let old = match column.renamed_from {
            Some(old) => old,
            None => "",
        };
        self.field("column")
            .field(column.name)
            .field(column.column_type.sql())
            .flag(column.nullable)
            .field(shown)
            .flag(column.index)
            .flag(column.unique)
            .number(column.since as u64)
            .flag(column.public)
            .flag(column.key)
            .field(old)
            .default(column.default)
            .byte(LINE)
    }

    const fn index(self, index: &IndexDef) -> Self {
        let mut writer = self.field("index").number(index.since as u64);
        let mut at = 0;
        while at < index.columns.len() {
            writer = writer.field(index.columns[at]);
            at += 1;
        }
        writer.byte(LINE)
    }

    const fn all(self, user: &str, schema: &Schema, tables: &[Schema]) -> Self {
        let mut writer = self.field("user").field(user).byte(LINE).schema(schema);
        let mut at = 0;
        while at < tables.len() {
            writer = writer.field("table").field(tables[at].table).byte(LINE).schema(&tables[at]);
            at += 1;
        }
        writer
    }

    const fn schema(self, schema: &Schema) -> Self {
        let mut writer = self;
        let mut at = 0;
        while at < schema.columns.len() {
            writer = writer.column(&schema.columns[at]);
            at += 1;
        }
        at = 0;
        while at < schema.dropped.len() {
            let Dropped { name, since } = schema.dropped[at];
            writer = writer.field("dropped").field(name).number(since as u64).byte(LINE);
            at += 1;
        }
        at = 0;
        while at < schema.indexes.len() {
            writer = writer.index(&schema.indexes[at]);
            at += 1;
        }
        at = 0;
        while at < schema.steps.len() {
            let Step { version, sql } = schema.steps[at];
            writer = writer.field("step").number(version as u64).field(sql).byte(LINE);
            at += 1;
        }
        writer
    }
}

/// The length of schemas as text.
#[must_use]
pub const fn dump_length(user: &str, schema: &Schema, tables: &[Schema]) -> usize {
    Writer { bytes: [], length: 0 }.all(user, schema, tables).length
}

/// The schema of a user type, and those of an application's tables, as text; `N` is its [`dump_length`].
#[must_use]
pub const fn dump<const N: usize>(user: &str, schema: &Schema, tables: &[Schema]) -> [u8; N] {
    let writer = Writer { bytes: [0; N], length: 0 }.all(user, schema, tables);
    assert!(writer.length == N);
    writer.bytes
}

/// A text that is no schema.
#[derive(Debug)]
pub struct DumpError;

impl fmt::Display for DumpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the worker was built with another version of stripeflare")
    }
}

impl std::error::Error for DumpError {}

/// What a worker says of its tables. All of it lives as long as the program.
#[derive(Debug, PartialEq)]
pub struct Dump {
    /// The name of the user type.
    pub user: &'static str,
    /// Its columns.
    pub schema: Schema,
    /// The application's own tables.
    pub tables: Vec<Schema>,
}

/// Reads what [`dump`] wrote.
///
/// # Errors
/// When the text is none of this version.
pub fn read_dump(bytes: &[u8]) -> Result<Dump, DumpError> {
    let text: &'static str = Box::leak(std::str::from_utf8(bytes).map_err(|_| DumpError)?.to_owned().into_boxed_str());
    let mut user = None;
    let mut schemas = Vec::new();
    let mut read = Read::of(USERS);
    for line in text.split_terminator(char::from(LINE)) {
        let mut fields = Fields(line.split_terminator(char::from(FIELD)));
        match fields.text()? {
            "user" => user = Some(fields.text()?),
            "table" => schemas.push(std::mem::replace(&mut read, Read::of(fields.text()?)).schema()),
            "column" => read.columns.push(fields.column()?),
            "dropped" => read.dropped.push(Dropped { name: fields.text()?, since: fields.number()? }),
            "index" => {
                let since = fields.number()?;
                read.indexes.push(IndexDef { since, columns: Vec::from_iter(fields.0).leak() });
            }
            "step" => read.steps.push(Step { version: fields.number()?, sql: fields.text()? }),
            _ => return Err(DumpError),
        }
    }
    schemas.push(read.schema());
    Ok(Dump { user: user.ok_or(DumpError)?, schema: schemas.remove(0), tables: schemas })
}

/// A schema as far as it was read.
#[derive(Default)]
struct Read {
    table: &'static str,
    columns: Vec<ColumnDef>,
    dropped: Vec<Dropped>,
    indexes: Vec<IndexDef>,
    steps: Vec<Step>,
}

impl Read {
    fn of(table: &'static str) -> Self {
        Self { table, ..Self::default() }
    }

    fn schema(self) -> Schema {
        Schema {
            table: self.table,
            columns: self.columns.leak(),
            dropped: self.dropped.leak(),
            indexes: self.indexes.leak(),
            steps: self.steps.leak(),
        }
    }
}

struct Fields(std::str::SplitTerminator<'static, char>);

impl Fields {
    fn text(&mut self) -> Result<&'static str, DumpError> {
        self.0.next().ok_or(DumpError)
    }

    fn number<T: std::str::FromStr>(&mut self) -> Result<T, DumpError> {
        self.text()?.parse().map_err(|_| DumpError)
    }

    fn flag(&mut self) -> Result<bool, DumpError> {
        Ok(self.number::<u8>()? == 1)
    }

    fn column(&mut self) -> Result<ColumnDef, DumpError> {
        Ok(ColumnDef {
            name: self.text()?,
            column_type: match self.text()? {
                "INTEGER" => ColumnType::Integer,
                "REAL" => ColumnType::Real,
                "TEXT" => ColumnType::Text,
                "BLOB" => ColumnType::Blob,
                _ => return Err(DumpError),
            },
            nullable: self.flag()?,
            shown: match self.text()? {
                "plain" => Shown::Plain,
                "bool" => Shown::Bool,
                "cents" => Shown::Cents,
                "timestamp" => Shown::Timestamp,
                "json" => Shown::Json,
                _ => return Err(DumpError),
            },
            index: self.flag()?,
            unique: self.flag()?,
            since: self.number()?,
            public: self.flag()?,
            key: self.flag()?,
            renamed_from: Some(self.text()?).filter(|old| !old.is_empty()),
            default: match self.text()? {
                "none" => None,
                "bool" => Some(DefaultValue::Bool(self.flag()?)),
                "integer" => Some(DefaultValue::Integer(self.number::<u64>()? as i64)),
                "real" => Some(DefaultValue::Real(f64::from_bits(self.number()?))),
                "text" => Some(DefaultValue::Text(self.text()?)),
                _ => return Err(DumpError),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_is_read_as_it_was_written() {
        const SCHEMA: Schema = Schema {
            table: USERS,
            columns: &[
                ColumnDef::new("tier", ColumnType::Text, false).default(DefaultValue::Text("it's\t\"free\"\n")).index(),
                ColumnDef::new("points", ColumnType::Integer, false).default(DefaultValue::Integer(i64::MIN)).since(2),
                ColumnDef::new("factor", ColumnType::Real, true).default(DefaultValue::Real(-0.5)).public(),
                ColumnDef::new("news", ColumnType::Integer, false).default(DefaultValue::Bool(true)).shown(Shown::Bool),
                ColumnDef::new("größe", ColumnType::Blob, true).unique().since(12).renamed_from("old"),
                ColumnDef::new("empty", ColumnType::Text, false).default(DefaultValue::Text("")),
            ],
            dropped: &[Dropped::new("legacy", 3)],
            indexes: &[IndexDef::new(&["tier", "points"], 2)],
            steps: &[Step::new(2, "UPDATE users\nSET points = 1")],
        };
        const NOTE: Schema = Schema {
            table: "note",
            columns: &[ColumnDef::new("id", ColumnType::Integer, false).key()],
            dropped: &[],
            indexes: &[],
            steps: &[],
        };
        const TABLES: &[Schema] = &[NOTE, Schema { table: "other", ..SCHEMA }];
        const LENGTH: usize = dump_length("User", &SCHEMA, TABLES);
        const DUMP: [u8; LENGTH] = dump("User", &SCHEMA, TABLES);
        assert_eq!(read_dump(&DUMP).unwrap(), Dump { user: "User", schema: SCHEMA, tables: TABLES.to_vec() });
        assert!(read_dump(b"nonsense").is_err());
        assert!(read_dump(b"\xff").is_err());
    }
}
