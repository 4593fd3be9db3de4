//! The Durable Object: decodes a command, runs it in one transaction, answers; and how one is asked.

mod alarm;
mod cards;
mod class;
mod credit;
mod group;
// Tests have no workerd around them.
#[cfg_attr(feature = "testing", path = "native_rpc.rs")]
pub(crate) mod rpc;
#[cfg_attr(feature = "testing", path = "native_storage.rs")]
mod storage;
mod stubs;
mod telling;

pub use class::{Object, extend_durable_object};
pub(crate) use stubs::{ObjectError, Sender, Stubs, read};

/// One try to ask an object came to nothing.
struct Unanswered {
    cause: String,
    /// Another one may be better.
    again: bool,
}
