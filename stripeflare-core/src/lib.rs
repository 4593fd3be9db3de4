//! The wallet under [stripeflare](https://docs.rs/stripeflare): accounts, their ledger, the directory and the mirror of all, and
//! what Stripe said. Over any SQLite; without workers, JavaScript and HTTP.
//!
//! It is a part of `stripeflare` and promises nothing to anybody else.
#![allow(missing_docs, reason = "an internal crate: what needs no words has none")]

pub mod account;
pub mod aggregate;
pub mod bytes;
pub mod clock;
pub mod directory;
pub mod error;
#[cfg(test)]
mod histories;
pub mod identity;

pub mod money;
pub mod protocol;
pub mod read_only_sql;
pub mod schema;
pub mod sql;
mod stored;
pub mod stripe;
pub mod tables;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
