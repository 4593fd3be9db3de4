//! What an object has yet to tell others: stored in the transaction that makes it so, told by the alarm until it was
//! acknowledged, at least once. Whatever is told may be told again, and late.

use crate::clock::{Millis, pause};
use crate::error::WalletError;
use crate::protocol::codec::PROTOCOL;
use crate::protocol::{Address, AnyCommand, Command, Envelope, Object};
use crate::sql::{Reader, Row, SqlError, Value};

/// One message that waits.
pub struct Outgoing {
    id: String,
    /// The recipient, as [`object_name`](super::object_name) takes it.
    pub recipient: String,
    message: Vec<u8>,
    failures: i64,
}

/// Lets an object hear of something soon. Of what is told under one name only the newest matters.
pub(super) fn tell<C: Command>(object: &dyn Object, name: String, to: &C::To, command: C) -> Result<(), SqlError> {
    store(object, name, to.local_name(), command.into())
}

fn store(object: &dyn Object, id: String, recipient: String, command: AnyCommand) -> Result<(), SqlError> {
    let message = PROTOCOL.newest_message(&Envelope { endings: Vec::new(), token: None, command });
    object.sql().run(
        "INSERT INTO outgoing (id, recipient, message) VALUES (?, ?, ?)
         ON CONFLICT (id) DO UPDATE SET recipient = excluded.recipient, message = excluded.message, failures = 0,
         tried_at = 0, next_at = 0 WHERE message <> excluded.message",
        &[id.into(), recipient.into(), Value::Blob(message)],
    )?;
    object.ring_soon()
}

/// Some of what is to be told now. What waits longest for a try comes first, so that what always fails keeps nothing else
/// waiting.
pub fn due(object: &dyn Object, most: usize, now: Millis) -> Result<Vec<Outgoing>, WalletError> {
    if object.role()?.is_none() {
        return Ok(Vec::new());
    }
    let select =
        "SELECT id, recipient, message, failures FROM outgoing WHERE next_at <= ? ORDER BY tried_at, id LIMIT ?";
    let rows = object.sql().run(select, &[now.into(), (most as i64).into()])?;
    Ok(rows.into_iter().map(Outgoing::read).collect::<Result<_, SqlError>>()?)
}

/// When to tell more; `None`: nothing waits.
pub fn next_due(object: &dyn Object) -> Result<Option<Millis>, WalletError> {
    if object.role()?.is_none() {
        return Ok(None);
    }
    let row = object.sql().run("SELECT MIN(next_at) FROM outgoing", &[])?.concat();
    Ok(Reader::new(row).optional_integer()?)
}

impl Outgoing {
    fn read(row: Row) -> Result<Self, SqlError> {
        let mut row = Reader::new(row);
        Ok(Self { id: row.text()?, recipient: row.text()?, message: row.blob()?, failures: row.integer()? })
    }

    /// What it says; `None`: another release wrote it, in a form that this one does not know.
    pub fn envelope(&self) -> Option<Envelope> {
        PROTOCOL.read_message(&self.message).ok().map(|(envelope, _)| envelope)
    }

    /// It was told. What is to be told by now under the same name stays.
    pub(super) fn forget(&self, object: &dyn Object) -> Result<(), SqlError> {
        let delete = "DELETE FROM outgoing WHERE id = ? AND message = ?";
        object.sql().run(delete, &[self.id.as_str().into(), Value::Blob(self.message.clone())]).map(drop)
    }

    /// It could not be told. What this release can read it keeps in its own words, so that the next one can read them.
    pub fn failed(&self, object: &dyn Object, now: Millis) -> Result<(), WalletError> {
        let message =
            self.envelope().map_or_else(|| self.message.clone(), |envelope| PROTOCOL.newest_message(&envelope));
        object.sql().run(
            "UPDATE outgoing SET message = ?, failures = failures + 1, tried_at = ?, next_at = ?
             WHERE id = ? AND message = ?",
            &[
                Value::Blob(message),
                now.into(),
                (now + pause(self.failures)).into(),
                self.id.as_str().into(),
                Value::Blob(self.message.clone()),
            ],
        )?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
