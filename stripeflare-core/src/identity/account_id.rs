use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{decode, encode};

const BYTES: usize = 16;

/// The name of one account: 26 characters of lowercase base32, public, and no proof of anything.
///
/// It is the beginning of a hash of the account's first secret, so that a new account needs nobody's permission and no
/// storage until it is paid for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AccountId(String);

impl AccountId {
    pub fn from_hash(hash: &[u8; 32]) -> Self {
        Self(encode(&hash[..BYTES]))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The text is not an account id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseAccountIdError;

impl fmt::Display for ParseAccountIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an account id is 26 characters of lowercase base32")
    }
}

impl std::error::Error for ParseAccountIdError {}

impl FromStr for AccountId {
    type Err = ParseAccountIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        decode::<BYTES>(text).map(|_| Self(text.to_owned())).ok_or(ParseAccountIdError)
    }
}

impl TryFrom<String> for AccountId {
    type Error = ParseAccountIdError;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<AccountId> for String {
    fn from(id: AccountId) -> Self {
        id.0
    }
}
