use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{decode, encode};
use crate::identity::id::AccountId;
use crate::identity::random;

const SECRET_BYTES: usize = 32;

/// `<account id>.<secret>`: opens an account and spends from it.
///
/// It never shows itself: `Debug` prints the id alone, and [`Token::expose`] is the one way to the text. Nor are two
/// secrets ever compared: what is compared is hashes.
#[derive(Clone)]
#[cfg_attr(any(test, feature = "testing"), derive(PartialEq, Eq))]
pub struct Token {
    account: AccountId,
    secret: [u8; SECRET_BYTES],
}

impl Token {
    /// The first token of an account that nobody has paid for yet.
    pub fn generate(version: &str) -> Self {
        let secret = random();
        Self { account: derive(version, &secret), secret }
    }

    /// A further token of an account; it opens it once the account knows its hash.
    pub fn further(account: AccountId) -> Self {
        Self { account, secret: random() }
    }

    /// A token of the same account, whose secret is made of this one's.
    pub(super) fn with_secret_of(&self, make: impl FnOnce(&[u8; SECRET_BYTES]) -> [u8; SECRET_BYTES]) -> Self {
        Self { account: self.account.clone(), secret: make(&self.secret) }
    }

    pub fn account(&self) -> &AccountId {
        &self.account
    }

    /// Whether this is the secret that the account's id was made from.
    ///
    /// The comparison is of hashes, so its timing tells nothing about a secret.
    pub fn is_first(&self, version: &str) -> bool {
        derive(version, &self.secret) == self.account
    }

    /// What the account sees of it.
    pub fn proof(&self, version: &str) -> Proof {
        let hash = Sha256::new().chain_update(b"stripeflare token").chain_update(self.secret).finalize();
        Proof { hash: hex::encode(hash), first: self.is_first(version) }
    }

    /// The whole token as text, for a cookie or the owner's eyes.
    pub fn expose(&self) -> String {
        format!("{}.{}", self.account, encode(&self.secret))
    }
}

/// That a caller has a token: shown to the account, which knows hashes only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// SHA-256 of the secret, in hexadecimal.
    pub hash: String,
    /// It is the token that the account's id was made from.
    pub first: bool,
}

fn derive(version: &str, secret: &[u8; SECRET_BYTES]) -> AccountId {
    // The version's length comes first, so that no two pairs of version and secret read the same.
    let hash = Sha256::new()
        .chain_update(b"stripeflare account")
        .chain_update((version.len() as u64).to_be_bytes())
        .chain_update(version)
        .chain_update(secret)
        .finalize();
    AccountId::from_hash(&hash.into())
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({}.…)", self.account)
    }
}

/// The text is no access token. It says nothing more, not to help guessing.
#[derive(Debug)]
pub struct ParseTokenError;

impl FromStr for Token {
    type Err = ParseTokenError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (account, secret) = text.split_once('.').ok_or(ParseTokenError)?;
        let account = account.parse().map_err(|_| ParseTokenError)?;
        Ok(Self { account, secret: decode(secret).ok_or(ParseTokenError)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_reads_back_and_knows_its_version() {
        let token = Token::generate("1");
        let again: Token = token.expose().parse().unwrap();
        assert_eq!(again, token);
        assert!(again.is_first("1"));
        assert!(!again.is_first("2"));
        assert_eq!(again.proof("1"), Proof { first: true, ..token.proof("2") });
        let further: Token = Token::further(token.account().clone()).expose().parse().unwrap();
        assert_eq!((further.account(), further.is_first("1")), (token.account(), false));
        assert_ne!(further.proof("1").hash, token.proof("1").hash);
    }

    #[test]
    fn a_token_has_one_spelling() {
        let text = Token::generate("1").expose();
        let (id, secret) = text.split_once('.').unwrap();
        let mut other_tail = text.clone();
        other_tail.pop();
        other_tail.push('b');
        for wrong in [
            text.to_uppercase(),
            format!("{text}="),
            format!("{text}a"),
            text[..text.len() - 1].to_owned(),
            format!(" {text}"),
            format!("{id}{secret}"),
            format!("{id}..{secret}"),
            other_tail,
            String::new(),
            ".".to_owned(),
        ] {
            assert!(wrong.parse::<Token>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn debug_hides_the_secret() {
        let token = Token::generate("1");
        let secret = token.expose();
        let secret = secret.split_once('.').unwrap().1;
        assert!(!format!("{token:?}").contains(secret));
    }
}
