use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::reversal::{self, ReversalFact};

/// An event of a kind this crate acts on; unknown fields and kinds are no error.
#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) livemode: bool,
    /// A connected account's id, on a Connect platform.
    pub(crate) account: Option<String>,
    pub(crate) fact: Fact,
}

#[derive(Debug)]
pub(crate) enum Fact {
    /// `checkout.session.completed` or `.async_payment_succeeded`
    Checkout(Box<CheckoutSession>),
    /// `refund.created`, `.updated` or `.failed`, or one of `charge.dispute.*`
    Reversal(Box<ReversalFact>),
    /// Anything else
    Other,
}

/// The fields of a Checkout Session that decide about a credit.
///
/// Source: Stripe's API reference, "The Checkout Session object".
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct CheckoutSession {
    pub(crate) id: String,
    /// Seconds since 1970.
    #[serde(default)]
    pub(crate) created: i64,
    #[serde(default)]
    pub(crate) livemode: bool,
    pub(crate) mode: Option<String>,
    pub(crate) payment_status: Option<String>,
    pub(crate) payment_link: Option<String>,
    pub(crate) client_reference_id: Option<String>,
    pub(crate) payment_intent: Option<Id>,
    pub(crate) currency: Option<String>,
    pub(crate) amount_total: Option<i64>,
    #[serde(default)]
    pub(crate) total_details: Option<TotalDetails>,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct TotalDetails {
    pub(crate) amount_shipping: Option<i64>,
    pub(crate) amount_tax: Option<i64>,
}

/// The id of an object, which Stripe sends as it is or, expanded, within the whole object.
#[derive(Clone, Debug)]
pub(crate) struct Id(pub(crate) String);

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

/// Why a body with a good signature is no event.
#[derive(Debug)]
pub(crate) enum EventError {
    NotJson,
    /// A `v2.core.event`: it names its object but does not carry it.
    Thin,
    Malformed(&'static str),
}

impl fmt::Display for EventError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotJson => f.write_str("the body is no event in JSON"),
            Self::Thin => f.write_str(
                "this endpoint was sent a thin event; create a webhook endpoint for snapshot events instead",
            ),
            Self::Malformed(what) => write!(f, "the event has no usable {what}"),
        }
    }
}

#[derive(Deserialize)]
struct Raw<'a> {
    object: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    livemode: bool,
    account: Option<String>,
    #[serde(borrow)]
    data: Option<Data<'a>>,
}

#[derive(Deserialize)]
struct Data<'a> {
    #[serde(borrow)]
    object: &'a RawValue,
}

impl Event {
    #[inline(never)]
    pub(crate) fn parse(body: &[u8]) -> Result<Self, EventError> {
        let body = std::str::from_utf8(body).map_err(|_| EventError::NotJson)?;
        let raw: Raw<'_> = serde_json::from_str(body).map_err(|_| EventError::NotJson)?;
        if raw.object.as_deref() == Some("v2.core.event") {
            return Err(EventError::Thin);
        }
        let kind = raw.kind.ok_or(EventError::Malformed("type"))?;
        let fact = match kind.as_str() {
            "checkout.session.completed" | "checkout.session.async_payment_succeeded" => {
                Fact::Checkout(Box::new(read(raw.data, "Checkout Session")?))
            }
            "refund.created" | "refund.updated" | "refund.failed" => {
                Fact::Reversal(Box::new(read::<reversal::Refund>(raw.data, "Refund")?.into()))
            }
            kind if kind.starts_with("charge.dispute.") => {
                let dispute: reversal::Dispute = read(raw.data, "Dispute")?;
                Fact::Reversal(Box::new(dispute.fact(kind)))
            }
            _ => Fact::Other,
        };
        Ok(Self { livemode: raw.livemode, account: raw.account, fact })
    }
}

fn read<'a, T: Deserialize<'a>>(data: Option<Data<'a>>, what: &'static str) -> Result<T, EventError> {
    let object = data.ok_or(EventError::Malformed("data"))?.object;
    serde_json::from_str(object.get()).map_err(|_| EventError::Malformed(what))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_read_with_its_payment_intent_expanded_or_not() {
        for intent in [r#""pi_1""#, r#"{"id":"pi_1","object":"payment_intent"}"#] {
            let body = format!(
                r#"{{"object":"event","type":"checkout.session.completed","livemode":false,"new_field":1,
                    "data":{{"object":{{"id":"cs_1","payment_intent":{intent},"amount_total":500}}}}}}"#
            );
            let Fact::Checkout(session) = Event::parse(body.as_bytes()).unwrap().fact else { panic!("a checkout") };
            assert_eq!((session.id.as_str(), session.payment_intent.unwrap().0.as_str()), ("cs_1", "pi_1"));
        }
    }

    #[test]
    fn what_cannot_be_acted_on_says_why() {
        assert!(matches!(Event::parse(b"nonsense"), Err(EventError::NotJson)));
        assert!(matches!(Event::parse(b"\xff"), Err(EventError::NotJson)));
        assert!(matches!(Event::parse(br#"{"object":"v2.core.event","type":"x"}"#), Err(EventError::Thin)));
        assert!(matches!(Event::parse(b"{}"), Err(EventError::Malformed("type"))));
        let unknown = Event::parse(br#"{"object":"event","type":"plan.created","data":{"object":{}}}"#).unwrap();
        assert!(matches!(unknown.fact, Fact::Other));
    }
}
