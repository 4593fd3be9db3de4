//! What an application keeps in its customers' accounts beside its columns: tables of its own.

mod error;
mod operations;

pub use error::TxError;
pub use operations::Operation;
