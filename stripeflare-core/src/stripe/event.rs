use std::fmt;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::stripe::id::Id;
use crate::stripe::reversal;
use crate::stripe::reversal::ReversalFact;

/// An event of a kind this crate acts on; unknown fields and kinds are no error.
#[derive(Debug)]
pub struct Event {
    pub livemode: bool,
    /// A connected account's id, on a Connect platform.
    pub account: Option<String>,
    pub fact: Fact,
}

#[derive(Debug)]
pub enum Fact {
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
pub struct CheckoutSession {
    pub id: String,
    /// Seconds since 1970.
    #[serde(default)]
    pub created: i64,
    #[serde(default)]
    pub livemode: bool,
    pub mode: Option<String>,
    pub payment_status: Option<String>,
    pub payment_link: Option<String>,
    pub client_reference_id: Option<String>,
    pub payment_intent: Option<Id>,
    pub currency: Option<String>,
    pub amount_total: Option<i64>,
    #[serde(default)]
    pub total_details: Option<TotalDetails>,
    pub customer_details: Option<CustomerDetails>,
}

/// As typed into the checkout form.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct CustomerDetails {
    pub name: Option<String>,
    pub email: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub struct TotalDetails {
    pub amount_shipping: Option<i64>,
    pub amount_tax: Option<i64>,
}

/// Why a body with a good signature is no event.
#[derive(Debug)]
pub enum EventError {
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
                "this endpoint was sent a thin event, of Stripe's API v2; create a webhook endpoint for snapshot events instead",
            ),
            Self::Malformed(what) => write!(f, "the event has no usable {what}"),
        }
    }
}

/// What all events have: those of version 2 have a `created` and `data` of other types.
#[derive(Deserialize)]
struct Head {
    object: Option<String>,
}

#[derive(Deserialize)]
struct Raw<'a> {
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    created: i64,
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
    pub fn parse(body: &[u8]) -> Result<Self, EventError> {
        let body = std::str::from_utf8(body).map_err(|_| EventError::NotJson)?;
        let head: Head = serde_json::from_str(body).map_err(|_| EventError::NotJson)?;
        if head.object.is_some_and(|object| object.starts_with("v2.")) {
            return Err(EventError::Thin);
        }
        let raw: Raw<'_> = serde_json::from_str(body).map_err(|_| EventError::NotJson)?;
        let kind = raw.kind.ok_or(EventError::Malformed("type"))?;
        let fact = match kind.as_str() {
            "checkout.session.completed" | "checkout.session.async_payment_succeeded" => {
                Fact::Checkout(Box::new(read(raw.data, "Checkout Session")?))
            }
            "refund.created" | "refund.updated" | "refund.failed" => {
                Fact::Reversal(Box::new(read::<reversal::Refund>(raw.data, "Refund")?.fact(raw.created)))
            }
            kind if kind.starts_with("charge.dispute.") => {
                let dispute: reversal::Dispute = read(raw.data, "Dispute")?;
                Fact::Reversal(Box::new(dispute.fact(kind, raw.created)))
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
        let related = r#""related_object":{"id":"re_1","type":"refund","url":"/v1/refunds/re_1"}"#;
        for (kind, data) in [
            ("v1.billing.meter.error_report_triggered", r#""data":{"developer_message_summary":"x"}"#),
            ("v2.core.account.updated", r#""data":null"#),
            ("v1.refund.updated", r#""reason":null"#),
        ] {
            let event = format!(
                r#"{{"id":"evt_1","object":"v2.core.event","type":"{kind}","created":"2026-11-28T09:00:00.000Z",
                    "livemode":true,"context":null,{data},{related}}}"#
            );
            assert!(matches!(Event::parse(event.as_bytes()), Err(EventError::Thin)), "{kind}");
        }
        assert!(matches!(Event::parse(b"{}"), Err(EventError::Malformed("type"))));
        let unknown = Event::parse(br#"{"object":"event","type":"plan.created","data":{"object":{}}}"#).unwrap();
        assert!(matches!(unknown.fact, Fact::Other));
    }
}
