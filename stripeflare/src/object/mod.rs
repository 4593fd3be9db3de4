//! The Durable Object: decodes a command, runs it in one transaction, answers; and how one is asked.

mod account;
mod aggregate;
mod alarm;
mod cards;
mod class;
mod credit;
mod directory;
mod storage;
mod stubs;

pub use class::{Object, extend_durable_object};
pub(crate) use stubs::{Address, ObjectError, Stubs};
