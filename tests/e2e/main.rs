//! End to end: the real worker on the real runtime, paid through the Stripe stand-in.

mod account_page;
mod aggregate;
mod attacks;
mod bad_input;
mod charging;
mod columns;
mod currencies;
mod failing_disks;
mod failing_handlers;
mod faults;
mod idempotency;
mod login;
mod logins;
mod objects;
mod panel;
mod paying;
mod return_page;
mod reversals;
mod size;
mod statement;
mod streaming;
mod sweeping;
mod tokens;
mod upgrades;
