//! Ways to pay.

use serde_json::{Value, json};

use crate::stripe::wire::ids;
use crate::stripe::wire::json::merge;

/// How a payment is made, which decides who the payer turns out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Method {
    /// A card typed in by hand. Its fingerprint depends on its number alone; [`DECLINING_CARD`] is declined.
    Card(String),
    /// A card in a phone, with the fingerprint of the number that the phone made up, or without any.
    Wallet {
        /// Not the number on the card.
        device_number: Option<String>,
    },
    /// Link, with the e-mail address of the Link account.
    Link(String),
    /// A bank account behind Link, shown as a card: brand `link`, last four `0000`.
    LinkBankAsCard,
    /// A debit that takes days, and then succeeds or fails.
    BankDebit {
        /// How it will end.
        succeeds: bool,
    },
}

/// Declined, whatever the amount.
pub const DECLINING_CARD: &str = "4000000000000002";

impl Method {
    /// The visa that everybody tests with.
    pub fn visa() -> Self {
        Self::Card("4242424242424242".to_owned())
    }

    pub(crate) fn is_delayed(&self) -> bool {
        matches!(self, Self::BankDebit { .. })
    }

    pub(crate) fn is_declined(&self) -> bool {
        matches!(self, Self::Card(number) if number == DECLINING_CARD)
    }

    /// `type` of the payment method.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Card(_) | Self::Wallet { .. } | Self::LinkBankAsCard => "card",
            Self::Link(_) => "link",
            Self::BankDebit { .. } => "us_bank_account",
        }
    }

    /// Charges of cards are `ch_…`, others `py_…`.
    pub(crate) fn charge_prefix(&self) -> &'static str {
        if self.kind() == "card" { "ch" } else { "py" }
    }

    /// `payment_method_details` of the charge.
    pub(crate) fn charge_details(&self, account: &str, amount: i64) -> Value {
        let mut details = match self {
            Self::Link(_) => json!({ "country": null }),
            _ => self.details(account),
        };
        if self.kind() == "card" {
            let more = json!({
                "amount_authorized": amount,
                "authorization_code": null,
                "extended_authorization": { "status": "disabled" },
                "incremental_authorization": { "status": "unavailable" },
                "installments": null,
                "mandate": null,
                "multicapture": { "status": "unavailable" },
                "network": details["brand"],
                "network_token": { "used": false },
                "network_transaction_id": null,
                "overcapture": { "maximum_amount_capturable": amount, "status": "unavailable" },
                "three_d_secure": null,
            });
            merge(&mut details, more);
        }
        json!({ self.kind(): details, "type": self.kind() })
    }

    /// What the payment method itself shows under its `type`.
    pub(crate) fn details(&self, account: &str) -> Value {
        match self {
            Self::Card(number) => card(account, Some(number), brand(number), last4(number), &Value::Null),
            Self::Wallet { device_number } => {
                let wallet = json!({ "apple_pay": {}, "dynamic_last4": "4242", "type": "apple_pay" });
                card(account, device_number.as_deref(), "visa", "4242", &wallet)
            }
            Self::LinkBankAsCard => {
                let wallet = json!({ "dynamic_last4": null, "link": {}, "type": "link" });
                card(account, Some("link"), "link", "0000", &wallet)
            }
            Self::Link(email) => json!({ "email": email }),
            Self::BankDebit { succeeds } => json!({
                "account_holder_type": "individual",
                "account_type": "checking",
                "bank_name": "STAND-IN BANK",
                "financial_connections_account": null,
                "fingerprint": ids::derived(account, if *succeeds { "bank" } else { "bank that fails" }, 16),
                "last4": if *succeeds { "6789" } else { "1113" },
                "routing_number": "110000000",
            }),
        }
    }
}

fn card(account: &str, number: Option<&str>, brand: &str, last4: &str, wallet: &Value) -> Value {
    json!({
        "brand": brand,
        "checks": { "address_line1_check": null, "address_postal_code_check": null, "cvc_check": "pass" },
        "country": "US",
        "exp_month": 12,
        "exp_year": 2034,
        "fingerprint": number.map(|number| ids::derived(account, number, 16)),
        "funding": "credit",
        "last4": last4,
        "regulated_status": "unregulated",
        "wallet": wallet,
    })
}

fn brand(number: &str) -> &'static str {
    match number.as_bytes().first() {
        Some(b'3') => "amex",
        Some(b'5') => "mastercard",
        Some(b'6') => "discover",
        _ => "visa",
    }
}

fn last4(number: &str) -> &str {
    number.get(number.len().saturating_sub(4)..).unwrap_or(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_the_numbers() {
        let fingerprint = |method: Method| method.details("acct_1")["fingerprint"].clone();
        assert_eq!(fingerprint(Method::visa()), fingerprint(Method::Card("4242424242424242".to_owned())));
        assert_ne!(fingerprint(Method::visa()), fingerprint(Method::Card("5555555555554444".to_owned())));
        assert_eq!(fingerprint(Method::Wallet { device_number: None }), Value::Null);
        assert!(fingerprint(Method::Wallet { device_number: Some("1".to_owned()) }).is_string());
    }
}
