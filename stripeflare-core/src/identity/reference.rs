use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::{decode, encode};
use crate::identity::account_id::AccountId;
use crate::identity::mark::is_mark;

const TAG_BYTES: usize = 10;

/// What a reference is good for: test money is no live money, and another currency is other money.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    pub version: &'a str,
    pub livemode: bool,
    /// Lowercase ISO code.
    pub currency: &'a str,
}

/// Signs and reads client reference ids: `<account id>-<tag>`, and `<account id>-<tag>-<mark>` of a browser that left to pay.
///
/// A reference says where money goes. The payer can edit it, so the tag only shows that this deployment made it, for payments
/// of its version, mode and currency.
#[derive(Clone)]
pub struct ReferenceKey {
    mac: Hmac<Sha256>,
    /// Of the secret before this one: what it signed is still read.
    previous: Option<Hmac<Sha256>>,
}

impl ReferenceKey {
    pub fn new(db_secret: &str, scope: Scope<'_>) -> Self {
        Self { mac: Self::mac(db_secret, scope), previous: None }
    }

    /// Reads also what an earlier secret signed.
    pub fn or_before(self, db_secret: &str, scope: Scope<'_>) -> Self {
        Self { previous: Some(Self::mac(db_secret, scope)), ..self }
    }

    fn mac(db_secret: &str, Scope { version, livemode, currency }: Scope<'_>) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(db_secret.as_bytes()).expect("HMAC takes a key of any length");
        mac.update(b"stripeflare client_reference_id");
        mac.update(&(version.len() as u64).to_be_bytes());
        mac.update(version.as_bytes());
        mac.update(if livemode { b"live" } else { b"test" });
        mac.update(&(currency.len() as u64).to_be_bytes());
        mac.update(currency.as_bytes());
        mac
    }

    /// The reference of an account: 43 characters of lowercase base32 and one `-`.
    pub fn sign(&self, account: &AccountId) -> String {
        let tag = mac_of(&self.mac, account).finalize().into_bytes();
        format!("{account}-{}", encode(&tag[..TAG_BYTES]))
    }

    /// The account that a payment's reference names, and the mark of the browser that left to pay.
    pub fn verify_paid(&self, reference: &str) -> Option<(AccountId, Option<String>)> {
        let (unmarked, mark) = match reference.match_indices('-').nth(1) {
            Some((at, _)) => (&reference[..at], Some(&reference[at + 1..])),
            None => (reference, None),
        };
        let account = self.verify(unmarked)?;
        Some((account, mark.filter(|mark| is_mark(mark)).map(str::to_owned)))
    }

    /// The account a reference without a mark names, if this key made it, or the one before.
    pub fn verify(&self, reference: &str) -> Option<AccountId> {
        let (account, tag) = reference.split_once('-')?;
        let account: AccountId = account.parse().ok()?;
        let tag: [u8; TAG_BYTES] = decode(tag)?;
        let made_it = |mac| mac_of(mac, &account).verify_truncated_left(&tag).is_ok();
        (made_it(&self.mac) || self.previous.as_ref().is_some_and(made_it)).then_some(account)
    }
}

fn mac_of(mac: &Hmac<Sha256>, account: &AccountId) -> Hmac<Sha256> {
    mac.clone().chain_update(account.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::token::Token;

    const SECRET: &str = "a secret of at least thirty-two characters";
    const OTHER_SECRET: &str = "another secret, also long enough for us";

    const fn version(version: &str) -> Scope<'_> {
        Scope { version, livemode: false, currency: "usd" }
    }

    #[test]
    fn only_our_own_references_are_read() {
        let key = ReferenceKey::new(SECRET, version("1"));
        let account = Token::generate("1").account().clone();
        let reference = key.sign(&account);
        assert_eq!(reference.len(), 43);
        assert_eq!(key.verify(&reference), Some(account.clone()));

        let other = Token::generate("1").account().clone();
        let tag = reference.split_once('-').unwrap().1;
        assert_eq!(ReferenceKey::new(OTHER_SECRET, version("1")).verify(&reference), None);
        assert_eq!(ReferenceKey::new(SECRET, version("2")).verify(&reference), None);
        assert_eq!(key.verify(&format!("{other}-{tag}")), None);
        assert_eq!(key.verify(&format!("{account}-{}", &tag[..8])), None, "a shorter tag is no tag");
        let after = ReferenceKey::new(OTHER_SECRET, version("1"));
        let rotated = after.clone().or_before(SECRET, version("1"));
        assert_eq!(rotated.verify(&reference), Some(account.clone()));
        assert_eq!(rotated.verify(&after.sign(&account)), Some(account.clone()));
        assert_eq!(rotated.sign(&account), after.sign(&account));
        assert_eq!(after.or_before(SECRET, version("2")).verify(&reference), None);
        let mark = crate::identity::PayingSecret::generate().mark();
        assert_eq!(key.verify_paid(&reference), Some((account.clone(), None)));
        assert_eq!(key.verify_paid(&format!("{reference}-{mark}")), Some((account.clone(), Some(mark.clone()))));
        assert_eq!(key.verify_paid(&format!("{reference}-nonsense")), Some((account.clone(), None)), "the money stays");
        assert_eq!(key.verify(&format!("{reference}-{mark}")), None, "only a payment's reference has a mark");
        for wrong in ["", "-", account.as_str(), &format!("{reference}x"), &reference.to_uppercase()] {
            assert_eq!(key.verify(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_reference_is_of_one_mode_and_one_currency() {
        let usual = version("1");
        let scopes = [usual, Scope { livemode: true, ..usual }, Scope { currency: "jpy", ..usual }];
        let account = Token::generate("1").account().clone();
        for (signed, by) in scopes.iter().enumerate() {
            let reference = ReferenceKey::new(SECRET, *by).sign(&account);
            for (read, scope) in scopes.iter().enumerate() {
                let rotated = ReferenceKey::new(OTHER_SECRET, *scope).or_before(SECRET, *scope);
                for key in [ReferenceKey::new(SECRET, *scope), rotated] {
                    assert_eq!(key.verify(&reference).is_some(), signed == read, "{signed} {read}");
                }
            }
        }
    }
}
