use std::fmt;

use serde_json::Value;

use crate::stripe::document::{Document, Told, Unexpected, must};
use crate::stripe::reversal::{Dispute, Refund, ReversalFact};

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
#[derive(Clone, Debug)]
pub struct CheckoutSession {
    pub id: String,
    /// Seconds since 1970.
    pub created: i64,
    pub livemode: bool,
    pub mode: Option<String>,
    pub payment_status: Option<String>,
    pub payment_link: Option<String>,
    pub client_reference_id: Option<String>,
    pub payment_intent: Option<String>,
    pub currency: Option<String>,
    pub amount_total: Option<i64>,
    pub amount_shipping: Option<i64>,
    pub amount_tax: Option<i64>,
    /// As typed into the checkout form.
    pub customer_name: Option<String>,
    /// As typed into the checkout form.
    pub customer_email: Option<String>,
}

impl Told for CheckoutSession {
    fn read(document: Document<'_>) -> Result<Self, Unexpected> {
        let (totals, customer) = (document.object("total_details")?, document.object("customer_details")?);
        let total = |name| totals.map_or(Ok(None), |totals| totals.number(name));
        let typed = |name| customer.map_or(Ok(None), |customer| customer.text(name));
        Ok(Self {
            id: must("id", document.text("id")?)?,
            created: document.number("created")?.unwrap_or_default(),
            livemode: document.flag("livemode")?.unwrap_or_default(),
            mode: document.text("mode")?,
            payment_status: document.text("payment_status")?,
            payment_link: document.text("payment_link")?,
            client_reference_id: document.text("client_reference_id")?,
            payment_intent: document.id("payment_intent")?,
            currency: document.text("currency")?,
            amount_total: document.number("amount_total")?,
            amount_shipping: total("amount_shipping")?,
            amount_tax: total("amount_tax")?,
            customer_name: typed("name")?,
            customer_email: typed("email")?,
        })
    }
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

impl Event {
    #[inline(never)]
    pub fn parse(body: &[u8]) -> Result<Self, EventError> {
        let value: Value = serde_json::from_slice(body).map_err(|_| EventError::NotJson)?;
        let event = Document::of(&value).map_err(|_| EventError::NotJson)?;
        // Those of version 2 have a `created` and `data` of other types.
        if event.value("object").as_str().is_some_and(|object| object.starts_with("v2.")) {
            return Err(EventError::Thin);
        }
        let kind = event.value("type").as_str().ok_or(EventError::Malformed("type"))?;
        let created = event.number("created").map_err(|_| EventError::Malformed("created"))?.unwrap_or_default();
        let fact = match kind {
            "checkout.session.completed" | "checkout.session.async_payment_succeeded" => {
                Fact::Checkout(Box::new(read(event, "Checkout Session")?))
            }
            "refund.created" | "refund.updated" | "refund.failed" => {
                Fact::Reversal(Box::new(read::<Refund>(event, "Refund")?.fact(created)))
            }
            kind if kind.starts_with("charge.dispute.") => {
                Fact::Reversal(Box::new(read::<Dispute>(event, "Dispute")?.fact(kind, created)))
            }
            _ => Fact::Other,
        };
        let livemode = event.flag("livemode").map_err(|_| EventError::Malformed("livemode"))?.unwrap_or_default();
        let account = event.text("account").map_err(|_| EventError::Malformed("account"))?;
        Ok(Self { livemode, account, fact })
    }
}

fn read<T: Told>(event: Document<'_>, what: &'static str) -> Result<T, EventError> {
    let object = Document::of(&event.value("data")["object"]).map_err(|_| EventError::Malformed("data"))?;
    T::read(object).map_err(|_| EventError::Malformed(what))
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
            assert_eq!((session.id.as_str(), session.payment_intent.as_deref()), ("cs_1", Some("pi_1")));
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
