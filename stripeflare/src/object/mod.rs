//! The Durable Object: decodes a command, runs it in one transaction, answers; and how one is asked.

mod alarm;
mod cards;
mod class;
mod credit;
mod storage;
mod stubs;
mod telling;

pub use class::{Object, extend_durable_object};
pub(crate) use stubs::{ObjectError, Sender, Stubs, read};
