//! Why an account does not do what it is asked: to each command its own.

use serde::{Deserialize, Serialize};

use crate::account::idempotency::Claim;
use crate::account::tokens::Cap;
use crate::money::{Cents, units};

/// There is not enough to spend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Short {
    /// Less is available than asked for.
    Insufficient {
        /// Without what disputes freeze.
        #[serde(with = "units")]
        balance: Cents,
        /// That, less open holds.
        #[serde(with = "units")]
        available: Cents,
    },
    /// More than the caller's token may spend.
    TokenCap {
        cap: Cap,
        #[serde(with = "units")]
        limit: Cents,
        /// Without open holds, which count as spent.
        #[serde(with = "units")]
        left: Cents,
    },
}

/// Why no money was set aside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NotReserved {
    Short(Short),
    /// `MAX_HOLDS` are open.
    TooManyHolds {
        #[serde(with = "units")]
        available: Cents,
    },
    /// The caller's key stands for a call already.
    Claimed(Claim),
    /// The account has no room for another entry.
    Full,
}

impl From<Short> for NotReserved {
    fn from(short: Short) -> Self {
        Self::Short(short)
    }
}

/// Why nothing was charged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NotCharged {
    Short(Short),
    /// The key was used before for another amount.
    KeyReused,
    /// The account has no room for another entry.
    Full,
}

impl From<Short> for NotCharged {
    fn from(short: Short) -> Self {
        Self::Short(short)
    }
}

/// The account has as many tokens as it may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TooManyTokens;

/// No login waits by this name, or it has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoLogin;

/// Why no login began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NotBegun {
    /// The card opens the account no more, or not yet; or nobody logs in by this payment.
    NoLogin,
    /// As many logins wait as may.
    TooManyLogins,
}

/// The caller's secret has a successor, and only that may have another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rotated;

/// Without this token nobody could get at the account's money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastToken;

/// Why an account was not closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NotClosed {
    /// There is money left.
    MoneyLeft {
        #[serde(with = "units")]
        amount: Cents,
    },
    /// Holds are open.
    CallsRunning,
}

/// Why money was not handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NotHandedOver {
    /// The account is not closed: its money is its owner's.
    NotClosed,
    /// The key was used before for another handover.
    KeyReused,
    /// So much is there, which is nothing or less than it was to be.
    TooLittle {
        #[serde(with = "units")]
        available: Cents,
    },
}
