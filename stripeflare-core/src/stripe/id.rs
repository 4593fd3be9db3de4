use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};

/// The id of an object, which Stripe sends as it is or, expanded, within the whole object.
#[derive(Clone, Debug)]
pub struct Id(pub String);

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct IdOrObject;
        impl<'de> Visitor<'de> for IdOrObject {
            type Value = Id;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an id or an object with one")
            }
            fn visit_str<E>(self, id: &str) -> Result<Id, E> {
                Ok(Id(id.to_owned()))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Id, A::Error> {
                let mut id = None;
                while let Some(field) = object.next_key::<String>()? {
                    if field == "id" {
                        id = Some(object.next_value()?);
                    } else {
                        object.next_value::<IgnoredAny>()?;
                    }
                }
                id.map(Id).ok_or_else(|| serde::de::Error::missing_field("id"))
            }
        }
        deserializer.deserialize_any(IdOrObject)
    }
}
