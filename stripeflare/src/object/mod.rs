//! The Durable Object: decodes a command, runs it in one transaction, answers.

mod class;
mod client;
mod command;
mod storage;

pub use class::{Object, extend_durable_object};
pub(crate) use client::{Address, ObjectError, Stubs};
pub use command::Stats;
pub(crate) use command::{Command, Reply};
