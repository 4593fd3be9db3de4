//! An object of Stripe's as JSON, read field by field. A derive for each kind of object would weigh a worker down by several KiB.

use std::fmt;

use serde_json::Value;

/// An object, of which nothing is known but that it is one.
#[derive(Clone, Copy)]
pub struct Document<'a>(&'a Value);

/// What is not as Stripe documents it.
#[derive(Debug)]
pub enum Unexpected {
    NotJson,
    /// It is not there, or of another type.
    Field(&'static str),
}

/// What can be read from a document.
pub trait Told: Sized {
    fn read(document: Document<'_>) -> Result<Self, Unexpected>;

    fn parse(body: &str) -> Result<Self, Unexpected> {
        Self::read(Document::of(&parse(body)?)?)
    }
}

fn parse(body: &str) -> Result<Value, Unexpected> {
    serde_json::from_str(body).map_err(|_| Unexpected::NotJson)
}

impl<'a> Document<'a> {
    pub fn of(value: &'a Value) -> Result<Self, Unexpected> {
        if value.is_object() { Ok(Self(value)) } else { Err(Unexpected::NotJson) }
    }

    fn field<T>(self, name: &'static str, read: impl FnOnce(&'a Value) -> Option<T>) -> Result<Option<T>, Unexpected> {
        match &self.0[name] {
            Value::Null => Ok(None),
            value => read(value).map(Some).ok_or(Unexpected::Field(name)),
        }
    }

    pub fn text(self, name: &'static str) -> Result<Option<String>, Unexpected> {
        self.field(name, |value| value.as_str().map(str::to_owned))
    }

    pub fn number(self, name: &'static str) -> Result<Option<i64>, Unexpected> {
        self.field(name, Value::as_i64)
    }

    pub fn flag(self, name: &'static str) -> Result<Option<bool>, Unexpected> {
        self.field(name, Value::as_bool)
    }

    pub fn object(self, name: &'static str) -> Result<Option<Self>, Unexpected> {
        self.field(name, |value| Self::of(value).ok())
    }

    pub fn list(self, name: &'static str) -> Result<Option<&'a Vec<Value>>, Unexpected> {
        self.field(name, Value::as_array)
    }

    /// The id of another object, which Stripe sends as it is or, expanded, within the whole object.
    pub fn id(self, name: &'static str) -> Result<Option<String>, Unexpected> {
        self.field(name, |value| value.as_str().or_else(|| value["id"].as_str()).map(str::to_owned))
    }

    /// As it came, where whatever it may be is looked at.
    pub fn value(self, name: &str) -> &'a Value {
        &self.0[name]
    }
}

/// What must be there.
pub fn must<T>(name: &'static str, field: Option<T>) -> Result<T, Unexpected> {
    field.ok_or(Unexpected::Field(name))
}

impl fmt::Display for Unexpected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotJson => f.write_str("it is no object in JSON"),
            Self::Field(name) => write!(f, "its {name} is not there, or of another type"),
        }
    }
}

impl std::error::Error for Unexpected {}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_field_is_there_or_not_and_never_of_another_type() {
        let value = json!({"a": "x", "b": 1, "c": true, "d": {"id": "y"}, "e": [1], "f": null, "g": 1.5});
        let document = Document::of(&value).unwrap();
        assert_eq!(document.text("a").unwrap().as_deref(), Some("x"));
        assert_eq!(document.number("b").unwrap(), Some(1));
        assert_eq!(document.flag("c").unwrap(), Some(true));
        assert_eq!(document.object("d").unwrap().unwrap().text("id").unwrap().as_deref(), Some("y"));
        assert_eq!(document.list("e").unwrap().unwrap().len(), 1);
        assert_eq!(
            (document.id("a").unwrap().as_deref(), document.id("d").unwrap().as_deref()),
            (Some("x"), Some("y"))
        );
        for name in ["f", "h"] {
            assert!(document.text(name).unwrap().is_none() && document.number(name).unwrap().is_none());
            assert!(document.flag(name).unwrap().is_none() && document.list(name).unwrap().is_none());
            assert!(document.id(name).unwrap().is_none() && document.object(name).unwrap().is_none());
        }
        assert!(document.text("b").is_err() && document.number("a").is_err() && document.number("g").is_err());
        assert!(document.flag("a").is_err() && document.object("e").is_err() && document.list("d").is_err());
        assert!(document.id("b").is_err() && document.id("e").is_err());
        assert!(Document::of(&json!([])).is_err());
    }
}
