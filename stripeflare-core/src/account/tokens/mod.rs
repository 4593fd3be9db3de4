//! The tokens of one account: which secrets open it, what each may do, and how much each may spend.
//!
//! Of a secret its hash alone is stored. The first token, of which the account's id was made, needs no row: it opens the
//! account unless its row says otherwise.

mod authenticate;
mod caps;
mod lifecycle;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::clock::Millis;
use crate::identity::random_text;
use crate::money::Cents;

/// Tokens an account may have.
pub const MAX_TOKENS: usize = 100;
/// The id of the first token.
const FIRST: &str = "first";
/// How long an old secret works beside a new one that is not used: 10 minutes.
const OLD_MS: Millis = 10 * 60 * 1_000;

/// Names one token of an account. It is public, and stays when the secret changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenId(String);

impl TokenId {
    pub fn generate() -> Self {
        Self(random_text::<10>())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<String> for TokenId {
    fn from(id: String) -> Self {
        Self(id)
    }
}

/// The token that something is charged to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spender {
    pub id: TokenId,
    /// What it spends is counted.
    pub capped: bool,
}

/// Why a token does not open its account, or not for this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Denied {
    /// No token of this account, or none any more.
    Wrong,
    /// Its time is over.
    Expired,
    /// It spends, and this takes one that manages.
    Rights,
}

/// Which of a token's caps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cap {
    Day,
    Total,
}

/// What a token may spend; without a cap, all there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caps {
    /// On one day, UTC.
    pub day: Option<Cents>,
    pub total: Option<Cents>,
}

/// A token to be made. The same id and hash twice is one token.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NewToken {
    pub id: TokenId,
    /// As in its [`Proof`](crate::identity::Proof).
    pub hash: String,
    pub label: String,
    pub manage: bool,
    /// A login gave it.
    pub login: bool,
    pub caps: Caps,
    pub expires_at: Option<Millis>,
}

/// A token as its owner sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TokenInfo {
    pub id: TokenId,
    pub label: String,
    pub manage: bool,
    /// A login gave it.
    pub login: bool,
    /// The token it was made with.
    pub made_by: Option<TokenId>,
    pub caps: Caps,
    /// Today.
    pub spent_day: Cents,
    pub spent_total: Cents,
    /// On each of the last 31 days on which it spent something, in days since 1970, the newest first.
    pub spent_days: Vec<(i64, Cents)>,
    pub created_at: Millis,
    /// Days since 1970.
    pub last_used_day: Option<i64>,
    pub expires_at: Option<Millis>,
    /// It is the token that asks.
    pub this: bool,
}

/// A token that opened its account, as its row says: it was used today, by its only secret, and has no cap.
#[derive(Clone)]
pub(crate) struct KnownToken {
    pub(crate) hash: String,
    day: i64,
    token: TokenInfo,
}

/// The token that a command came with.
pub(crate) struct Caller {
    token: TokenInfo,
    /// By a secret that has a successor.
    by_old: bool,
}
