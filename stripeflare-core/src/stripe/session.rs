//! A Checkout Session as Stripe's API tells it to whoever knows its id, and who its payer turned out to be.

use serde_json::Value;

use crate::account::{Card, Payer};
use crate::stripe::document::{Document, Told, Unexpected};
use crate::stripe::event::CheckoutSession;

/// Whoever came back from paying.
#[derive(Debug)]
pub struct PaidSession {
    pub session: CheckoutSession,
    /// When the money was charged, in seconds since 1970.
    pub charged_at_s: Option<i64>,
    /// What shows who paid; without it the payment stands all the same.
    pub card: Option<Card>,
}

impl CheckoutSession {
    /// Who paid, as typed into the checkout form.
    pub fn payer(&self) -> Payer {
        let typed = |text: &Option<String>| text.as_deref().and_then(tame);
        Payer { name: typed(&self.customer_name), email: typed(&self.customer_email) }
    }
}

/// Whether a text from outside can be the id of a Checkout Session, and so a part of an address.
pub fn is_session_id(text: &str) -> bool {
    let rest = text.strip_prefix("cs_test_").or_else(|| text.strip_prefix("cs_live_"));
    text.len() <= 255
        && rest.is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

/// From the answer of the API, with its PaymentIntent, that one's payment method and latest charge expanded.
impl Told for PaidSession {
    fn read(document: Document<'_>) -> Result<Self, Unexpected> {
        let intent = document.value("payment_intent");
        Ok(Self {
            session: CheckoutSession::read(document)?,
            charged_at_s: intent["latest_charge"]["created"].as_i64(),
            card: identity(&intent["latest_charge"]["payment_method_details"], &intent["payment_method"]),
        })
    }
}

/// By what was charged, and the payment method that it was charged to.
fn identity(charged: &Value, method: &Value) -> Option<Card> {
    match charged["type"].as_str() {
        Some("card") => card(&charged["card"]),
        // The Link account's own address: the one in the form is whatever the payer typed.
        Some("link") => {
            let email = tame(method["link"]["email"].as_str()?)?;
            let plausible = email.contains('@') && !email.contains(char::is_whitespace);
            plausible.then(|| Card::of_link(&email, format!("Link {}", masked(&email))))
        }
        _ => None,
    }
}

fn card(card: &Value) -> Option<Card> {
    let fingerprint = card["fingerprint"].as_str()?;
    if fingerprint.is_empty() || fingerprint.len() > 64 || !fingerprint.bytes().all(|byte| byte.is_ascii_graphic()) {
        return None;
    }
    let (brand, last4) = (card["brand"].as_str().unwrap_or_default(), card["last4"].as_str().unwrap_or_default());
    let through_link = card["wallet"]["type"].as_str() == Some("link");
    // A bank account behind Link, shown as a card: many payers share it.
    if brand == "link" || (through_link && last4 == "0000") {
        return None;
    }
    let label = tame(&format!("{brand} •••• {last4}"))?;
    Some(Card::of_fingerprint(fingerprint, label))
}

/// An email address as it may be shown to whoever is probably its owner.
pub fn masked(email: &str) -> String {
    let (name, host) = email.rsplit_once('@').unwrap_or((email, ""));
    let first: String = name.chars().take(1).collect();
    if host.is_empty() { format!("{first}•••") } else { format!("{first}•••@{host}") }
}

/// A text from Stripe, which may hold anything: at most 200 characters, none of which command a terminal or turn a line around.
fn tame(text: &str) -> Option<String> {
    let commands = |character: char| {
        character.is_control()
            || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    let tame: String = text.chars().filter(|character| !commands(*character)).take(200).collect();
    Some(tame.trim().to_owned()).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(details: &Value, method: &Value) -> PaidSession {
        let session = json!({
            "id": "cs_test_1", "payment_status": "paid", "livemode": false,
            "customer_details": {"name": "Petra\u{202e} Payer\n", "email": "form@example.com"},
            "payment_intent": {
                "id": "pi_1", "payment_method": method,
                "latest_charge": {"id": "ch_1", "created": 1_800_000_000, "payment_method_details": details},
            },
        });
        PaidSession::parse(&session.to_string()).unwrap()
    }

    fn card(change: impl FnOnce(&mut Value)) -> Option<Card> {
        let mut card = json!({"brand": "visa", "last4": "4242", "fingerprint": "Xt5EWLLDS7FJjR1c", "wallet": null});
        change(&mut card);
        parse(&json!({"type": "card", "card": card}), &json!({"type": "card"})).card
    }

    #[test]
    fn a_payer_is_read_with_the_session() {
        let paid = parse(
            &json!({"type": "card", "card": {"fingerprint": "a", "brand": "visa", "last4": "4242"}}),
            &json!(null),
        );
        assert_eq!((paid.session.id.as_str(), paid.charged_at_s), ("cs_test_1", Some(1_800_000_000)));
        assert_eq!(paid.session.payment_intent.as_deref(), Some("pi_1"));
        assert_eq!(
            paid.session.payer(),
            Payer { name: Some("Petra Payer".into()), email: Some("form@example.com".into()) }
        );
        assert_eq!(paid.card.unwrap().label, "visa •••• 4242");
    }

    #[test]
    fn a_card_without_a_fingerprint_of_its_own_is_nobodys() {
        assert!(card(|_| {}).is_some());
        assert!(card(|card| card["wallet"] = json!({"type": "apple_pay"})).is_some());
        assert!(card(|card| card["last4"] = json!("0000")).is_some(), "a card may end so");
        assert_eq!(card(|card| card["fingerprint"] = json!(null)), None);
        assert_eq!(card(|card| card["fingerprint"] = json!("")), None);
        assert_eq!(card(|card| card["fingerprint"] = json!("a b")), None);
        assert_eq!(card(|card| card["brand"] = json!("link")), None);
        let behind_link = |card: &mut Value| (card["last4"], card["wallet"]) = (json!("0000"), json!({"type": "link"}));
        assert_eq!(card(behind_link), None);
        let debit = json!({"type": "us_bank_account", "us_bank_account": {"fingerprint": "a"}});
        assert_eq!(parse(&debit, &json!({"type": "us_bank_account"})).card, None);
    }

    #[test]
    fn link_is_known_by_its_own_address_and_never_by_the_forms() {
        let link = |email: Value| {
            parse(&json!({"type": "link", "link": {}}), &json!({"type": "link", "link": {"email": email}})).card
        };
        let petra = link(json!("petra@link.example")).unwrap();
        assert_eq!(petra.label, "Link p•••@link.example");
        assert_eq!(petra.id(), link(json!("Petra@Link.Example")).unwrap().id());
        for nothing in [json!(null), json!(""), json!("form"), json!("a@b c"), json!("\u{7}")] {
            assert_eq!(link(nothing), None);
        }
        assert_eq!(parse(&json!({"type": "link"}), &json!(null)).card, None);
        assert_ne!(petra.id(), Card::of_fingerprint("petra@link.example", String::new()).id());
    }

    #[test]
    fn a_session_without_a_charge_shows_nobody() {
        let session = json!({"id": "cs_test_1", "payment_intent": null, "customer_details": null});
        let paid = PaidSession::parse(&session.to_string()).unwrap();
        assert!(paid.card.is_none() && paid.charged_at_s.is_none() && paid.session.payer() == Payer::default());
    }

    #[test]
    fn texts_are_tamed_and_addresses_masked() {
        assert_eq!(tame(" a\r\nb\u{0}\u{202e}c "), Some("abc".to_owned()));
        assert_eq!(tame(&"ä".repeat(500)).unwrap().chars().count(), 200);
        assert_eq!(tame("\n"), None);
        for (email, shown) in [("petra@example.com", "p•••@example.com"), ("ä@b", "ä•••@b"), ("x", "x•••"), ("", "•••")]
        {
            assert_eq!(masked(email), shown);
        }
    }

    #[test]
    fn only_the_ids_of_sessions_go_into_an_address() {
        for good in ["cs_test_a1B2", "cs_live_x"] {
            assert!(is_session_id(good));
        }
        for bad in [
            "",
            "cs_test_",
            "cs_prod_a",
            "pi_1",
            "cs_test_a/b",
            "cs_test_a?b",
            "cs_test_a%2f",
            "cs_test_ä",
            "cs_test_a_b",
        ] {
            assert!(!is_session_id(bad), "{bad}");
        }
        assert!(!is_session_id(&format!("cs_test_{}", "a".repeat(300))));
    }
}
