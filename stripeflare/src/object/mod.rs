//! The Durable Object: decodes a command, runs it in one transaction, answers.

mod account;
mod aggregate;
mod alarm;
mod class;
mod client;
mod command;
mod credit;
mod directory;
mod merging;
mod storage;

pub use class::{Object, extend_durable_object};
pub(crate) use client::{Address, ObjectError, Stubs};
pub use command::Stats;
pub(crate) use command::{AccountCommand, AggregateCommand, Command, DirectoryCommand, Reply};

/// A JavaScript exception as text.
pub(crate) fn describe(exception: &wasm_bindgen::JsValue) -> String {
    use wasm_bindgen::JsCast;
    match exception.dyn_ref::<js_sys::Error>() {
        Some(error) => error.message().into(),
        None => exception.as_string().unwrap_or_else(|| "an exception that is no Error".to_owned()),
    }
}
