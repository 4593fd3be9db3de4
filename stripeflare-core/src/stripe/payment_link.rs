//! The payment link that customers pay through, compared with what is configured.

use serde::{Deserialize, Serialize};

use crate::stripe::document::{Document, Told, Unexpected, must};

/// Source: Stripe's API reference, "The Payment Link object".
#[derive(Debug)]
pub struct PaymentLink {
    pub id: String,
    url: String,
    active: bool,
    livemode: bool,
    currency: Option<String>,
}

/// What the variables say of it.
#[derive(Clone, Copy)]
pub struct LinkRules<'a> {
    pub url: &'a str,
    pub currency: &'a str,
    pub livemode: bool,
}

/// What a comparison came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkVerdict {
    /// Which payment link is ours, as far as it is known.
    pub id: Option<String>,
    /// Why nothing that was paid through it is credited.
    pub problem: Option<String>,
    /// Nobody can pay through it now; what was paid is credited.
    pub inactive: bool,
}

impl LinkVerdict {
    pub fn is_good(&self) -> bool {
        self.problem.is_none() && !self.inactive
    }

    /// No payment link is the one that is configured.
    pub fn missing(by_id: bool) -> Self {
        let variable = if by_id { "STRIPE_PAYMENT_LINK_ID" } else { "STRIPE_PAYMENT_LINK" };
        let problem = format!("{variable} names no payment link of the Stripe account and mode of STRIPE_SECRET");
        Self { id: None, problem: Some(problem), inactive: false }
    }
}

impl Told for PaymentLink {
    fn read(document: Document<'_>) -> Result<Self, Unexpected> {
        Ok(Self {
            id: must("id", document.text("id")?)?,
            url: must("url", document.text("url")?)?,
            active: document.flag("active")?.unwrap_or_default(),
            livemode: document.flag("livemode")?.unwrap_or_default(),
            currency: document.text("currency")?,
        })
    }
}

impl PaymentLink {
    /// Whether this is its address, whatever the query. Its host may be a domain of the seller's.
    pub fn is_at(&self, url: &str) -> bool {
        path(&self.url) == path(url)
    }

    pub fn judge(&self, rules: LinkRules<'_>) -> LinkVerdict {
        let currency = self.currency.as_deref().unwrap_or(rules.currency);
        let problem = if !self.is_at(rules.url) {
            Some("STRIPE_PAYMENT_LINK is not the address of the payment link in STRIPE_PAYMENT_LINK_ID".to_owned())
        } else if self.livemode != rules.livemode {
            Some("the mode of the payment link, live or test, is not that of STRIPE_SECRET".to_owned())
        } else if currency != rules.currency {
            Some(format!("the payment link is in {currency}, and STRIPE_CURRENCY is {}", rules.currency))
        } else {
            None
        };
        LinkVerdict { id: Some(self.id.clone()), problem, inactive: !self.active }
    }
}

/// The path of an address, without the slash that somebody may have put behind it.
fn path(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let path = rest.find('/').map_or("", |at| &rest[at..]);
    path.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const RULES: LinkRules<'_> = LinkRules { url: "https://buy.stripe.com/test_a", currency: "usd", livemode: false };

    fn judge(field: &str, value: serde_json::Value, rules: LinkRules<'_>) -> LinkVerdict {
        let mut link = json!({"id": "plink_1", "url": "https://buy.stripe.com/test_a", "active": true, "livemode": false,
            "currency": "usd"});
        link[field] = value;
        PaymentLink::parse(&link.to_string()).unwrap().judge(rules)
    }

    #[test]
    fn a_link_is_known_by_its_path_whatever_its_host_its_query_and_its_last_slash() {
        for url in [
            "https://buy.stripe.com/test_a",
            "https://buy.stripe.com/test_a/",
            "https://buy.stripe.com/test_a?locale=en",
            "https://buy.stripe.com/test_a/?locale=en#x",
            "https://pay.example.com/test_a",
        ] {
            assert!(judge("id", json!("plink_1"), LinkRules { url, ..RULES }).is_good(), "{url}");
            assert!(judge("url", json!(url), RULES).is_good(), "{url}");
        }
        for url in ["https://buy.stripe.com/test_b", "https://buy.stripe.com/", "https://buy.stripe.com", "", "test_a"]
        {
            let verdict = judge("id", json!("plink_1"), LinkRules { url, ..RULES });
            assert!(verdict.problem.unwrap().contains("STRIPE_PAYMENT_LINK_ID"), "{url}");
        }
    }

    #[test]
    fn each_difference_is_said_with_the_variable_to_mend() {
        for (field, value, variable) in
            [("currency", json!("eur"), "STRIPE_CURRENCY"), ("livemode", json!(true), "STRIPE_SECRET")]
        {
            let verdict = judge(field, value, RULES);
            assert!(verdict.problem.unwrap().contains(variable), "{field}");
        }
        let inactive = judge("active", json!(false), RULES);
        assert_eq!(inactive, LinkVerdict { id: Some("plink_1".into()), problem: None, inactive: true });
        assert!(!inactive.is_good() && !LinkVerdict::missing(true).is_good());
    }
}
