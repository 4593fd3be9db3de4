use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::{AccountId, decode, encode};

const TAG_BYTES: usize = 10;

/// Signs and reads client reference ids: `<account id>-<tag>`.
///
/// A reference says where money goes. The payer can edit it, so the tag only shows that this deployment and version made it.
#[derive(Clone)]
pub(crate) struct ReferenceKey {
    mac: Hmac<Sha256>,
}

impl ReferenceKey {
    pub(crate) fn new(db_secret: &str, version: &str) -> Self {
        let mut mac = Hmac::<Sha256>::new_from_slice(db_secret.as_bytes()).expect("HMAC takes a key of any length");
        mac.update(b"stripeflare client_reference_id");
        mac.update(&(version.len() as u64).to_be_bytes());
        mac.update(version.as_bytes());
        Self { mac }
    }

    /// The reference of an account: 43 characters of lowercase base32 and one `-`.
    pub(crate) fn sign(&self, account: &AccountId) -> String {
        let tag = self.mac_of(account).finalize().into_bytes();
        format!("{account}-{}", encode(&tag[..TAG_BYTES]))
    }

    /// The account a reference names, if this key made it.
    pub(crate) fn verify(&self, reference: &str) -> Option<AccountId> {
        let (account, tag) = reference.split_once('-')?;
        let account: AccountId = account.parse().ok()?;
        let tag: [u8; TAG_BYTES] = decode(tag)?;
        self.mac_of(&account).verify_truncated_left(&tag).ok()?;
        Some(account)
    }

    fn mac_of(&self, account: &AccountId) -> Hmac<Sha256> {
        self.mac.clone().chain_update(account.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Token;
    use super::*;

    #[test]
    fn only_our_own_references_are_read() {
        let key = ReferenceKey::new("a secret of at least thirty-two characters", "1");
        let account = Token::generate("1").account().clone();
        let reference = key.sign(&account);
        assert_eq!(reference.len(), 43);
        assert_eq!(key.verify(&reference), Some(account.clone()));

        let other = Token::generate("1").account().clone();
        let tag = reference.split_once('-').unwrap().1;
        assert_eq!(ReferenceKey::new("another secret, also long enough for us", "1").verify(&reference), None);
        assert_eq!(ReferenceKey::new("a secret of at least thirty-two characters", "2").verify(&reference), None);
        assert_eq!(key.verify(&format!("{other}-{tag}")), None);
        assert_eq!(key.verify(&format!("{account}-{}", &tag[..8])), None, "a shorter tag is no tag");
        for wrong in ["", "-", account.as_str(), &format!("{reference}x"), &reference.to_uppercase()] {
            assert_eq!(key.verify(wrong), None, "{wrong}");
        }
    }
}
