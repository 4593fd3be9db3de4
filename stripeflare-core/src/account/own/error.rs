use std::fmt;

use serde::{Deserialize, Serialize};

use crate::money::Cents;

/// Why something was not done to an account's money or tables.
///
/// With `?` in a handler, the caller gets the answer that says why: 402 for money, 409 for a key that is taken, 422 for a value,
/// and 500 for what is wrong in your code.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum TxError {
    /// Less than the price is available.
    InsufficientFunds {
        /// What was to be charged.
        price: Cents,
        /// Without what disputes freeze.
        balance: Cents,
        /// That, less open holds.
        available: Cents,
    },
    /// More than the caller's access token may spend.
    TokenCap {
        /// What was to be charged.
        price: Cents,
        /// Whether it is the cap of a day.
        daily: bool,
        /// The cap.
        limit: Cents,
        /// What is left of it.
        left: Cents,
    },
    /// The account has as long a history, or as much data, as it may have.
    AccountFull,
    /// A row with this key is there already, in this table.
    Exists(String),
    /// A value that cannot be stored, in a sentence that begins with its column's name.
    Value(String),
    /// A key of your own was used before for other arguments or another amount.
    KeyReused,
    /// What is wrong in the code: a statement that SQLite refuses, a price that is not more than nothing.
    Wrong(String),
}

impl fmt::Display for TxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InsufficientFunds { price, available, .. } => {
                write!(f, "{price} cents were to be charged, and {available} are available")
            }
            Self::TokenCap { price, left, .. } => {
                write!(f, "{price} cents were to be charged, and the access token may spend {left}")
            }
            Self::AccountFull => f.write_str("the account has as much data as it may have"),
            Self::Exists(table) => write!(f, "a row with this key is in `{table}` already"),
            Self::Value(problem) | Self::Wrong(problem) => f.write_str(problem),
            Self::KeyReused => f.write_str("this key was used before for something else"),
        }
    }
}

impl std::error::Error for TxError {}
