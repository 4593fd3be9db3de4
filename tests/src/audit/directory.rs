//! The directory, all shards together.

use std::collections::BTreeMap;

use rusqlite::Connection;

use super::Audit;
use super::files::rows;
use crate::stored::Stored;

/// All directory shards.
#[derive(Default)]
pub(super) struct Places {
    pub(super) accounts: BTreeMap<String, String>,
    pub(super) parked: Vec<String>,
    /// Of each card: its account and the number of its claim.
    pub(super) owners: BTreeMap<String, (String, i64)>,
}

/// What a fact is about, as its first two fields say: `refund:re_…`.
fn reversal(fact: &[u8]) -> Option<String> {
    let mut stored = Stored::new(fact)?;
    let kind = ["refund", "dispute"].get(usize::try_from(stored.count()?).ok()?)?;
    Some(format!("{kind}:{}", stored.text()?))
}

impl Places {
    pub(super) fn read(&mut self, sql: &Connection, audit: &mut Audit) -> rusqlite::Result<()> {
        let places = rows(sql, "SELECT payment_intent, account FROM places", |row| Ok((row.get(0)?, row.get(1)?)))?;
        audit.places += places.len();
        for (payment_intent, account) in places {
            let payment_intent: String = payment_intent;
            if self.accounts.insert(payment_intent.clone(), account).is_some() {
                audit.violation(&payment_intent, "is placed twice");
            }
        }
        let parked: Vec<(String, Vec<u8>)> =
            rows(sql, "SELECT payment_intent, fact FROM parked", |row| Ok((row.get(0)?, row.get(1)?)))?;
        for (payment_intent, fact) in parked {
            match reversal(&fact) {
                Some(reversal) => audit.parked.push((payment_intent.clone(), reversal)),
                None => audit.violation(&payment_intent, "what waits for it cannot be read"),
            }
            self.parked.push(payment_intent);
        }
        let select = "SELECT identity, account, claim FROM owners";
        for (card, owner) in rows(sql, select, |row| Ok((row.get::<_, String>(0)?, (row.get(1)?, row.get(2)?))))? {
            if self.owners.insert(card.clone(), owner).is_some() {
                audit.violation(&card, "is a card of two shards");
            }
        }
        Ok(())
    }
}
