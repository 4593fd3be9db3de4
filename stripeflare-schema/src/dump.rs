//! A schema as text, written when the worker is compiled and read by the tool: only the compiler knows what the columns'
//! types are. It is a section of the WebAssembly file that is never loaded.

use std::fmt;

use crate::{ColumnDef, ColumnType, DefaultValue, Dropped, IndexDef, Schema, Shown, Step};

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

    const fn user(self, name: &str) -> Self {
        self.field("user").field(name).byte(LINE)
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

/// The length of a schema as text.
#[must_use]
pub const fn dump_length(user: &str, schema: &Schema) -> usize {
    Writer { bytes: [], length: 0 }.user(user).schema(schema).length
}

/// The schema of a user type as text; `N` is its [`dump_length`].
#[must_use]
pub const fn dump<const N: usize>(user: &str, schema: &Schema) -> [u8; N] {
    let writer = Writer { bytes: [0; N], length: 0 }.user(user).schema(schema);
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

/// Reads what [`dump`] wrote: the name of the user type and its schema, which lives as long as the program.
///
/// # Errors
/// When the text is none of this version.
pub fn read_dump(bytes: &[u8]) -> Result<(&'static str, Schema), DumpError> {
    let text: &'static str = Box::leak(std::str::from_utf8(bytes).map_err(|_| DumpError)?.to_owned().into_boxed_str());
    let mut user = None;
    let (mut columns, mut dropped, mut indexes, mut steps) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for line in text.split_terminator(char::from(LINE)) {
        let mut fields = Fields(line.split_terminator(char::from(FIELD)));
        match fields.text()? {
            "user" => user = Some(fields.text()?),
            "column" => columns.push(fields.column()?),
            "dropped" => dropped.push(Dropped { name: fields.text()?, since: fields.number()? }),
            "index" => {
                let since = fields.number()?;
                indexes.push(IndexDef { since, columns: Vec::from_iter(fields.0).leak() });
            }
            "step" => steps.push(Step { version: fields.number()?, sql: fields.text()? }),
            _ => return Err(DumpError),
        }
    }
    let schema =
        Schema { columns: columns.leak(), dropped: dropped.leak(), indexes: indexes.leak(), steps: steps.leak() };
    Ok((user.ok_or(DumpError)?, schema))
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
        const LENGTH: usize = dump_length("User", &SCHEMA);
        const DUMP: [u8; LENGTH] = dump("User", &SCHEMA);
        assert_eq!(read_dump(&DUMP).unwrap(), ("User", SCHEMA));
        assert!(read_dump(b"nonsense").is_err());
        assert!(read_dump(b"\xff").is_err());
    }
}
