//! The wallet: one account's ledger and its open holds.
//!
//! Pure Rust over [`Sql`]: it knows nothing of HTTP, workers or Stripe. Every function here runs inside one transaction of
//! its caller, and takes the time as an argument.

mod account;
mod cards;
#[cfg(test)]
mod claims;
mod closing;
pub(crate) mod directory;
pub(crate) mod find;
pub(crate) mod fold;
pub(crate) mod guesses;
mod hold;
mod idempotency;
mod ledger;
pub(crate) mod look;
#[cfg(test)]
mod merging;
#[cfg(test)]
mod model;
pub(crate) mod outbox;
mod reversal;
mod sql;
mod statement;
pub(crate) mod sweep;
mod tables;
mod tokens;
mod transfer;
pub(crate) mod unclaimed;
pub(crate) mod unique;
mod update;

pub(crate) use account::Account;
pub(crate) use cards::{Card, CardRow, Consent, Login, LoginOutcome, State};
pub(crate) use hold::{Ending, Hold, HoldId, Outcome, Report};
pub(crate) use idempotency::{Claim, IdempotencyKey, KeptAnswer};
pub use ledger::Overdraft;
pub(crate) use ledger::{Charge, Charged, Credit, Refusal, Settled, Wallet, WalletError};
pub(crate) use look::Table;
pub(crate) use reversal::{Kind, Reversal};
pub use sql::Value;
pub(crate) use sql::{Reader, Row, Sql, SqlError};
pub(crate) use statement::{Line, MAX_PAGE, Place};
pub(crate) use tables::Role;
pub(crate) use tokens::{Cap, Caps, Denied, MAX_TOKENS, NewToken, TokenId, TokenInfo};
pub(crate) use transfer::{Merge, Transfer};
pub(crate) use unclaimed::{Assignment, Unclaimed};
pub(crate) use update::{Change, Update};

#[cfg(test)]
pub(crate) use sql::testing;

/// Milliseconds since 1970.
pub(crate) type Millis = i64;
