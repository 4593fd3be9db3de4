use serde::{Deserialize, Serialize};

use crate::account::tokens::Cap;
use crate::money::{Cents, units};

/// Why money was neither held nor charged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refusal {
    /// Nobody has paid into this account yet.
    Unregistered,
    /// Less is available than asked for.
    Insufficient {
        /// Without what disputes freeze.
        #[serde(with = "units")]
        balance: Cents,
        /// That, less open holds.
        #[serde(with = "units")]
        available: Cents,
    },
    /// `MAX_HOLDS` are open.
    TooManyHolds {
        #[serde(with = "units")]
        available: Cents,
    },
    /// The key was used before for another amount.
    KeyReused,
    /// More than the caller's token may spend.
    TokenCap {
        cap: Cap,
        #[serde(with = "units")]
        limit: Cents,
        /// Without open holds, which count as spent.
        #[serde(with = "units")]
        left: Cents,
    },
    /// The account has as many tokens as it may have.
    TooManyTokens,
    /// The caller's secret has a successor, and only that may have another one.
    Rotated,
    /// Without this token nobody could get at the account's money.
    LastToken,
    /// There is money left.
    MoneyLeft {
        #[serde(with = "units")]
        amount: Cents,
    },
    /// Holds are open.
    CallsRunning,
}
