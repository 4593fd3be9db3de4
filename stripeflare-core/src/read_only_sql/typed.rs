//! Rows as whatever serde makes of them.

use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{DeserializeOwned, Deserializer, Error as _, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;

use super::Table;
use crate::sql::Value;

type Error = serde::de::value::Error;

impl Table {
    /// Each row, from the names of its columns and their values.
    ///
    /// # Errors
    /// Says what of which row does not fit.
    pub fn typed<R: DeserializeOwned>(self) -> Result<Vec<R>, String> {
        let Self { columns, rows, .. } = self;
        let mut all = Vec::with_capacity(rows.len());
        for (number, row) in (1..).zip(rows) {
            let row = columns.iter().map(String::as_str).zip(row.into_iter().map(Cell));
            let typed = R::deserialize(MapDeserializer::<_, Error>::new(row));
            all.push(typed.map_err(|error| format!("row {number}: {error}"))?);
        }
        Ok(all)
    }
}

/// One value. SQLite has no `bool`, and JavaScript does not say whether a whole number is a REAL.
struct Cell(Value);

impl IntoDeserializer<'_, Error> for Cell {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for Cell {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Integer(integer) => visitor.visit_i64(integer),
            Value::Real(real) => visitor.visit_f64(real),
            Value::Text(text) => visitor.visit_string(text),
            Value::Blob(bytes) => visitor.visit_seq(SeqDeserializer::new(bytes.into_iter())),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Integer(truth @ (0 | 1)) => visitor.visit_bool(truth == 1),
            other => Err(Error::custom(format!("{other:?} where 0 or 1 belongs"))),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.0 {
            Value::Text(variant) => visitor.visit_enum(variant.into_deserializer()),
            other => Err(Error::custom(format!("{other:?} where a variant's name belongs"))),
        }
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Kind {
        New,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Wrapped(i64);

    #[derive(Debug, PartialEq, Deserialize)]
    struct Row {
        kind: Kind,
        id: Wrapped,
        factor: f64,
        is: bool,
        none: Option<String>,
        some: Option<u8>,
        bytes: Vec<u8>,
    }

    fn table() -> Table {
        let columns = ["kind", "id", "factor", "is", "none", "some", "bytes", "other"].map(str::to_owned).to_vec();
        let row = vec![
            "new".into(),
            7.into(),
            2.into(),
            1.into(),
            Value::Null,
            3.into(),
            Value::Blob(vec![1, 255]),
            Value::Real(0.5),
        ];
        Table { columns, rows: vec![row], more: false }
    }

    #[test]
    fn a_row_is_a_struct_or_json() {
        let row = Row {
            kind: Kind::New,
            id: Wrapped(7),
            factor: 2.0,
            is: true,
            none: None,
            some: Some(3),
            bytes: vec![1, 255],
        };
        assert_eq!(table().typed::<Row>().unwrap(), [row]);
        let json = table().typed::<serde_json::Value>().unwrap().remove(0);
        let expected = r#"{"bytes":[1,255],"factor":2,"id":7,"is":1,"kind":"new","none":null,"other":0.5,"some":3}"#;
        assert_eq!(json.to_string(), expected);
        let pairs = table().typed::<std::collections::BTreeMap<String, serde_json::Value>>().unwrap();
        assert_eq!(pairs[0]["is"], 1);
    }

    #[test]
    fn a_value_that_does_not_fit_is_said_with_its_row() {
        let mut table = table();
        table.rows.push(vec![9.into(); 8]);
        let problem = table.typed::<Row>().unwrap_err();
        assert!(problem.starts_with("row 2: ") && problem.contains("variant"), "{problem}");
    }
}
