//! What was done under which name: an answer that was lost may be asked for again.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::account::hold::HoldId;
use crate::account::idempotency::KEPT_MS;
use crate::account::wallet::Wallet;
use crate::clock::Millis;
use crate::error::WalletError;
use crate::sql::{Reader, SqlError, Value};

/// How long one that nobody named is remembered: longer than whoever sent it tries again.
const REMEMBERED_MS: Millis = 120_000;
/// Forgotten at once with each that is remembered: more than one, so that they become fewer.
const FORGOTTEN: i64 = 4;
/// Begins the names of those that have a key; the others begin with their time.
const KEY: &str = "key:";

/// Names one change of an account's data: the same one twice is made once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation(String);

impl Operation {
    /// One that is asked for again only by whoever sent it, for two minutes.
    pub fn new(now: Millis) -> Self {
        Self(HoldId::generate(now).as_str().to_owned())
    }

    /// One with a key of the application's own among those of `name`, for a day.
    pub fn keyed(name: &str, key: &str) -> Self {
        Self(format!("{KEY}{}", hex::encode(Sha256::digest(format!("{name} {key}")))))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn is_keyed(&self) -> bool {
        self.0.starts_with(KEY)
    }
}

impl Wallet<'_> {
    /// What an operation came to, if it was carried out and is remembered: what was asked, and the result.
    pub fn done(&self, operation: &Operation) -> Result<Option<(String, Vec<u8>)>, WalletError> {
        let select = "SELECT asked, result FROM operations WHERE id = ? AND expires_at > ?";
        let Some(row) = self.sql.run(select, &[operation.as_str().into(), self.now.into()])?.pop() else {
            return Ok(None);
        };
        let mut row = Reader::new(row);
        Ok(Some((row.text()?, row.blob()?)))
    }

    /// Remembers it, and forgets some whose time is over.
    pub fn remember(&self, operation: &Operation, asked: &str, result: Vec<u8>) -> Result<(), SqlError> {
        let now = Value::Integer(self.now);
        let past = format!("{:012x}", self.now - REMEMBERED_MS);
        self.sql.run(
            "DELETE FROM operations WHERE id IN
             (SELECT id FROM operations WHERE id < ? AND expires_at <= ? ORDER BY id LIMIT ?)",
            &[past.into(), now.clone(), FORGOTTEN.into()],
        )?;
        self.sql.run(
            "DELETE FROM operations WHERE id IN
             (SELECT id FROM operations WHERE id > 'key:' AND expires_at <= ? ORDER BY expires_at LIMIT ?)",
            &[now, FORGOTTEN.into()],
        )?;
        let kept = if operation.is_keyed() { KEPT_MS } else { REMEMBERED_MS };
        self.sql.run(
            "INSERT INTO operations (id, expires_at, asked, result) VALUES (?, ?, ?, ?)
             ON CONFLICT (id) DO UPDATE SET expires_at = excluded.expires_at, asked = excluded.asked, result = excluded.result",
            &[operation.as_str().into(), (self.now + kept).into(), asked.into(), Value::Blob(result)],
        )?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::AccountId;
    use crate::schema::{Schema, migrate};
    use crate::sql::Sql;
    use crate::tables::Role;
    use crate::testing::database;

    const SCHEMA: Schema = Schema::of::<()>();
    const NOW: Millis = 1_800_000_000_000;

    #[test]
    fn an_operation_is_remembered_for_two_minutes_and_one_with_a_key_for_a_day() {
        let sql = database();
        migrate(&sql, Role::Account, &SCHEMA).unwrap();
        let wallet = |now| Wallet::load_or_register(&sql, &SCHEMA, now, &AccountId::from_hash(&[7; 32])).unwrap();
        let (first, keyed) = (Operation::new(NOW), Operation::keyed("buy", "order 1"));
        assert_ne!(keyed, Operation::keyed("sell", "order 1"));
        for operation in [&first, &keyed] {
            assert_eq!(wallet(NOW).done(operation).unwrap(), None);
            wallet(NOW).remember(operation, "a", vec![1, 2]).unwrap();
            assert_eq!(wallet(NOW + REMEMBERED_MS - 1).done(operation).unwrap(), Some(("a".into(), vec![1, 2])));
        }
        assert_eq!(wallet(NOW + REMEMBERED_MS).done(&first).unwrap(), None);
        assert!(wallet(NOW + KEPT_MS - 1).done(&keyed).unwrap().is_some());
        assert_eq!(wallet(NOW + KEPT_MS).done(&keyed).unwrap(), None);
        let count = || sql.run("SELECT id FROM operations", &[]).unwrap().len();
        let later = NOW + REMEMBERED_MS + 1;
        wallet(later).remember(&Operation::new(later), "b", Vec::new()).unwrap();
        assert_eq!(count(), 2, "the first is forgotten");
        wallet(NOW + KEPT_MS).remember(&Operation::new(NOW + KEPT_MS), "b", Vec::new()).unwrap();
        assert_eq!(count(), 1);
    }
}
