//! How messages and answers are written as bytes.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::protocol::{Answer, Envelope, NotDone};

pub fn message(envelope: &Envelope) -> Vec<u8> {
    serde_json::to_vec(envelope).expect("commands are plain JSON")
}

pub fn read_message(bytes: &[u8]) -> Result<Envelope, String> {
    serde_json::from_slice(bytes).map_err(|error| error.to_string())
}

/// An answer that a command was carried out.
pub(crate) fn reply<R: Serialize>(reply: &R) -> Vec<u8> {
    serde_json::to_vec(&Answer::Ok(reply)).expect("replies are plain JSON")
}

/// An answer that it was not.
pub fn not_done(why: NotDone) -> Vec<u8> {
    serde_json::to_vec(&Answer::<()>::Err(why)).expect("answers are plain JSON")
}

pub fn read_answer<R: DeserializeOwned>(bytes: &[u8]) -> Result<Answer<R>, String> {
    serde_json::from_slice(bytes).map_err(|error| error.to_string())
}
