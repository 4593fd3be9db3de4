//! Columns as JSON, for `/me`.

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::value::RawValue;
use stripeflare_schema::{ColumnDef, Shown};

use crate::money::Cents;
use crate::schema::declared::Schema;
use crate::sql::Value;

/// The public columns of one account, as an object.
pub struct PublicColumns<'a> {
    columns: &'static [ColumnDef],
    values: &'a [Value],
}

impl<'a> PublicColumns<'a> {
    /// Of a row laid out as `layout` says.
    pub fn of(schema: &Schema, layout: u32, values: &'a [Value]) -> Result<Self, &'static str> {
        if layout != schema.layout() {
            return Err("the account's object and this worker are of different deploys: their columns differ");
        }
        Ok(Self { columns: schema.columns, values })
    }
}

impl Serialize for PublicColumns<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (column, value) in self.columns.iter().zip(self.values).filter(|(column, _)| column.public) {
            map.serialize_entry(column.name, &ShownValue { shown: column.shown, value })?;
        }
        map.end()
    }
}

struct ShownValue<'a> {
    shown: Shown,
    value: &'a Value,
}

impl Serialize for ShownValue<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match (self.shown, self.value) {
            (Shown::Bool, Value::Integer(truth)) => serializer.serialize_bool(*truth != 0),
            (Shown::Cents, Value::Integer(units)) => Cents::checked_from_units(*units).serialize(serializer),
            (Shown::Json, Value::Text(json)) => serde_json::from_str::<&RawValue>(json).ok().serialize(serializer),
            (_, Value::Null) => serializer.serialize_none(),
            (_, Value::Integer(integer)) => serializer.serialize_i64(*integer),
            (_, Value::Real(real)) => serializer.serialize_f64(*real),
            (_, Value::Text(text)) => serializer.serialize_str(text),
            (_, Value::Blob(bytes)) => serializer.serialize_str(&hex::encode(bytes)),
        }
    }
}

#[cfg(test)]
mod tests {
    use stripeflare_schema::ColumnType;

    use super::*;

    #[test]
    fn public_columns_are_shown_as_what_they_are() {
        const fn public(name: &'static str, shown: Shown) -> ColumnDef {
            ColumnDef::new(name, ColumnType::Text, true).shown(shown).public()
        }
        const COLUMNS: &[ColumnDef] = &[
            public("tier", Shown::Plain),
            ColumnDef::new("secret", ColumnType::Text, true),
            public("news", Shown::Bool),
            public("spent", Shown::Cents),
            public("seen", Shown::Timestamp),
            public("tags", Shown::Json),
            public("empty", Shown::Json),
            public("factor", Shown::Plain),
            public("picture", Shown::Plain),
            public("none", Shown::Bool),
        ];
        let values = [
            "pro".into(),
            "hidden".into(),
            1.into(),
            2_500.into(),
            1_700_000_000_000.into(),
            r#"["a", 1.10]"#.into(),
            "".into(),
            Value::Real(0.5),
            Value::Blob(vec![0, 255]),
            Value::Null,
        ];
        let shown = serde_json::to_string(&PublicColumns { columns: COLUMNS, values: &values }).unwrap();
        assert_eq!(
            shown,
            r#"{"tier":"pro","news":true,"spent":0.25,"seen":1700000000000,"tags":["a", 1.10],"empty":null,"factor":0.5,"picture":"00ff","none":null}"#
        );
    }
}
