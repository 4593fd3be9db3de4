//! The application's own tables, as the worker asks for them: of a caller's account, or of any.

mod asks;
mod query;
mod table;

pub(crate) use asks::{Asked, Asks};
pub(crate) use query::query;
pub use table::Rows;
pub use table::Table;
