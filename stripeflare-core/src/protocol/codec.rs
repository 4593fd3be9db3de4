//! How messages and answers are written as bytes: the number of the protocol, then the value.
//!
//! Objects keep the code of one release for minutes after the next one was deployed, and longer in a gradual deployment. So
//! every release also reads and writes what the one before it did, as its [`Predecessor`] says. An object that cannot read
//! a message answers the highest number that it reads, and the message is sent again in that.

use serde::Serialize;

use crate::account::Receipt;
use crate::bytes::{self, Unreadable};
use crate::protocol::{Answer, AnyCommand, Envelope, NotDone};

/// Goes before the highest number that an object reads, where an answer has its own.
pub(super) const CANNOT_READ: u8 = 0;

/// What travelled before this release changed it.
pub trait Predecessor: Sync {
    /// The number before ours.
    fn number(&self) -> u8;

    /// A message in its words; `None`: it has none for it.
    fn message(&self, envelope: &Envelope) -> Option<Vec<u8>>;

    fn read_message(&self, message: &[u8]) -> Result<Envelope, Unreadable>;

    /// An answer of ours in its words, without the number.
    fn answer(&self, command: &AnyCommand, answer: Vec<u8>) -> Result<Vec<u8>, Unreadable>;

    /// The other way.
    fn read_answer(&self, command: &AnyCommand, answer: &[u8]) -> Result<Vec<u8>, Unreadable>;
}

/// The forms that a release reads and writes.
pub struct Protocol {
    pub(super) number: u8,
    pub(super) before: Option<&'static dyn Predecessor>,
}

/// Those of this release. Whoever changes what travels raises the number, and keeps what travelled as its predecessor.
pub const PROTOCOL: Protocol = Protocol { number: 1, before: None };

/// What came back for a message.
#[derive(Debug, PartialEq, Eq)]
pub enum Back {
    /// What became of the endings, and an answer, as [`read_answer`] takes it.
    Answer(Receipt, Vec<u8>),
    /// The object cannot read the message; it is to be sent in this form.
    Again(u8),
}

impl Protocol {
    pub fn number(&self) -> u8 {
        self.number
    }

    fn before(&self, number: u8) -> Option<&'static dyn Predecessor> {
        self.before.filter(|before| before.number() == number)
    }

    /// A message in this release's own form.
    pub fn newest_message(&self, envelope: &Envelope) -> Vec<u8> {
        bytes::write_after(vec![self.number], envelope)
    }

    /// A message in one of the forms; `None`: it cannot be said in that.
    pub fn message(&self, number: u8, envelope: &Envelope) -> Option<Vec<u8>> {
        match self.before(number) {
            Some(before) => before.message(envelope),
            None => (number == self.number).then(|| self.newest_message(envelope)),
        }
    }

    /// What an object is to do, and in which form it answers; `Err` is the answer to what it cannot read.
    pub fn read_message(&self, message: &[u8]) -> Result<(Envelope, u8), Vec<u8>> {
        let read = match message {
            [number, envelope @ ..] if *number == self.number => {
                bytes::read(envelope).map(|envelope| (envelope, *number))
            }
            [number, ..] => self
                .before(*number)
                .ok_or(Unreadable)
                .and_then(|before| before.read_message(message))
                .map(|envelope| (envelope, *number)),
            [] => Err(Unreadable),
        };
        read.map_err(|Unreadable| vec![CANNOT_READ, self.number])
    }

    /// An object's answer in the form of the message.
    pub fn answer(&self, number: u8, command: &AnyCommand, receipt: Receipt, answer: Vec<u8>) -> Vec<u8> {
        let answer = match self.before(number) {
            Some(before) => before.answer(command, answer),
            None => Ok(answer),
        };
        match answer {
            Ok(answer) => [bytes::write_after(vec![number], &receipt), answer].concat(),
            Err(Unreadable) => vec![CANNOT_READ, self.number],
        }
    }

    /// What came back for a message in one of the forms.
    pub fn read_back(&self, number: u8, command: &AnyCommand, back: &[u8]) -> Result<Back, Unreadable> {
        match back {
            [CANNOT_READ, highest] => Ok(Back::Again(*highest)),
            [form, answer @ ..] if *form == number => {
                let (receipt, answer) = bytes::read_first(answer)?;
                let answer = match self.before(number) {
                    Some(before) => before.read_answer(command, answer)?,
                    None => answer.to_vec(),
                };
                Ok(Back::Answer(receipt, answer))
            }
            _ => Err(Unreadable),
        }
    }
}

/// Before a reply.
pub(super) const DONE: u8 = 0;
/// Before the reason why there is none.
const NOT_DONE: u8 = 1;

/// An answer that a command was carried out.
pub(crate) fn reply<R: Serialize>(reply: &R) -> Vec<u8> {
    bytes::write_after(vec![DONE], reply)
}

/// An answer that it was not.
pub fn not_done(why: &NotDone) -> Vec<u8> {
    bytes::write_after(vec![NOT_DONE], why)
}

/// The reply in an answer, to be read as what its command names.
pub fn read_answer(answer: &[u8]) -> Result<Answer<&[u8]>, Unreadable> {
    match answer {
        [DONE, reply @ ..] => Ok(Ok(reply)),
        [NOT_DONE, why @ ..] => bytes::read(why).map(Err),
        _ => Err(Unreadable),
    }
}
