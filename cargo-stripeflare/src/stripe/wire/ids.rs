//! Ids that look like Stripe's.

use sha2::Sha256;

use hmac::{Hmac, KeyInit, Mac};

const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// Letters and digits from the system's randomness, evenly.
pub fn random(length: usize) -> String {
    let mut text = String::with_capacity(length);
    let mut bytes = [0_u8; 64];
    while text.len() < length {
        getrandom::fill(&mut bytes).expect("the system has randomness");
        // 248 is the largest multiple of 62 in a byte: what is above would favour the first letters.
        let even = bytes.iter().filter(|byte| **byte < 248).map(|byte| letter(*byte));
        text.extend(even.take(length - text.len()));
    }
    text
}

/// The same letters and digits for the same key and text, as a card's fingerprint is within one Stripe account.
pub(crate) fn derived(key: &str, text: &str, length: usize) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("a key of any length");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().iter().map(|byte| letter(*byte)).take(length).collect()
}

fn letter(byte: u8) -> char {
    char::from(ALPHABET[usize::from(byte) % ALPHABET.len()])
}

/// `pi_3` and 23 more: objects that belong to a payment.
pub(crate) fn of_payment(prefix: &str) -> String {
    format!("{prefix}_3{}", random(23))
}

/// `evt_1` and 23 more: everything else.
pub(crate) fn of_account(prefix: &str) -> String {
    format!("{prefix}_1{}", random(23))
}

/// `cs_test_…`, 66 characters.
pub(crate) fn session(livemode: bool) -> String {
    format!("{}a1{}", session_prefix(livemode), random(56))
}

/// Whether a text could be one of our session ids.
pub(crate) fn is_session(text: &str, livemode: bool) -> bool {
    text.strip_prefix(session_prefix(livemode))
        .is_some_and(|rest| rest.len() == 58 && rest.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

fn session_prefix(livemode: bool) -> &'static str {
    if livemode { "cs_live_" } else { "cs_test_" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_stripes_lengths() {
        assert_eq!(of_payment("pi").len(), "pi_1PgafyB7WZ01zgkWSjxsAJo3".len());
        let session = session(false);
        assert_eq!(session.len(), 66);
        assert!(is_session(&session, false) && !is_session(&session, true));
        assert!(!is_session("cs_test_short", false));
    }

    #[test]
    fn a_fingerprint_belongs_to_card_and_account() {
        assert_eq!(derived("acct_1", "4242", 16), derived("acct_1", "4242", 16));
        assert_ne!(derived("acct_1", "4242", 16), derived("acct_2", "4242", 16));
        assert_ne!(derived("acct_1", "4242", 16), derived("acct_1", "4243", 16));
    }
}
