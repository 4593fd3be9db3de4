//! Everything around one call.

pub(crate) mod account;
pub(crate) mod background;
pub(crate) mod charge;
pub(crate) mod context;
pub(crate) mod credentials;
mod held_money;
pub(crate) mod idempotency;
mod inside;
pub(crate) mod meter;
mod own;
pub(crate) mod price;
mod refused;
pub(crate) mod sendable;
mod slot;
mod stream;
mod unique_values;
