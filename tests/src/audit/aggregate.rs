//! The mirror of all accounts, and whether it knows what it was told.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, Row};

use super::Audit;
use super::account::{Account, Columns, Payment, Usage, columns};
use super::files::rows;

/// What the aggregate has of an account's row.
#[derive(PartialEq)]
pub(super) struct Mirrored {
    pub(super) revision: i64,
    pub(super) balance: i64,
    pub(super) frozen: i64,
    pub(super) columns: Columns,
}

/// The mirror of all accounts.
#[derive(Default)]
pub(super) struct Aggregate {
    pub(super) accounts: BTreeMap<String, Mirrored>,
    pub(super) payments: BTreeMap<String, BTreeMap<String, Payment>>,
    pub(super) usage: BTreeMap<String, Usage>,
    /// Days and routes of which only the sum of all accounts is kept.
    pub(super) old_usage: BTreeSet<(i64, String)>,
    pub(super) unclaimed: Vec<Unclaimed>,
}

pub(super) struct Unclaimed {
    pub(super) key: String,
    /// By the operator, or because it was credited after all.
    pub(super) assigned_to: Option<String>,
    pub(super) assigned_amount: Option<i64>,
    pub(super) done: bool,
}

impl Aggregate {
    pub(super) fn read(&mut self, sql: &Connection, audit: &mut Audit) -> rusqlite::Result<()> {
        let mut columns = columns(sql)?;
        let users = rows(sql, "SELECT account_id, revision, balance, frozen FROM users", |row| {
            let id: String = row.get(0)?;
            let (revision, balance, frozen) = (row.get(1)?, row.get(2)?, row.get(3)?);
            let columns = columns.remove(&id).unwrap_or_default();
            Ok((id, Mirrored { revision, balance, frozen, columns }))
        })?;
        self.accounts.extend(users);
        let select = "SELECT key, payment_intent, amount, taken, frozen, account_id FROM all_payments";
        for (account, payment) in rows(sql, select, |row| Ok((row.get(5)?, Payment::read(row)?)))? {
            let account: String = account;
            self.payments.entry(account).or_default().insert(payment.key.clone(), payment);
        }
        let select = "SELECT account_id, day, route, calls, amount FROM all_usage";
        let usage = rows(sql, select, |row| {
            Ok((row.get::<_, String>(0)?, (row.get(1)?, row.get(2)?), (row.get(3)?, row.get(4)?)))
        })?;
        for (account, day, figures) in usage {
            self.usage.entry(account).or_default().insert(day, figures);
        }
        let old = rows(sql, "SELECT day, route FROM old_usage", |row| Ok((row.get(0)?, row.get(1)?)))?;
        self.old_usage.extend(old);
        let select =
            "SELECT key, assigned_to, assigned_amount, done, amount, currency, reason FROM unclaimed ORDER BY at, key";
        let read = |row: &Row<'_>| {
            let unclaimed = Unclaimed {
                key: row.get(0)?,
                assigned_to: row.get(1)?,
                assigned_amount: row.get(2)?,
                done: row.get(3)?,
            };
            Ok((unclaimed, (row.get(4)?, row.get(5)?, row.get(6)?)))
        };
        for (unclaimed, figures) in rows(sql, select, read)? {
            if !unclaimed.done {
                audit.unclaimed.push(figures);
            }
            self.unclaimed.push(unclaimed);
        }
        Ok(())
    }
}

/// Whether the aggregate knows what it was told.
pub(super) fn mirrored(account: &Account, aggregate: &Aggregate, audit: &mut Audit) {
    let id = &account.id;
    let known = aggregate.accounts.get(id);
    let revision = known.map_or(0, |known| known.revision);
    if revision < account.sent_revision || account.sent_revision > account.revision {
        let (sent, newest) = (account.sent_revision, account.revision);
        audit.violation(id, format!("the aggregate was told revision {sent} of {newest} and has {revision}"));
    } else if revision != account.revision {
        // That it said so may be lost with the object: then it is told once more.
        audit.unfinished(id, format!("the aggregate has revision {revision} of {}", account.revision));
    } else {
        if known.is_some_and(|known| (known.balance, known.frozen) != (account.balance, account.frozen)) {
            audit.violation(id, "the aggregate has another balance");
        }
        if known.is_some_and(|known| known.columns != account.columns) {
            audit.violation(id, "the aggregate has other columns");
        }
        let payments = account.payments.iter().map(|payment| (payment.key.clone(), payment.clone())).collect();
        if *aggregate.payments.get(id).unwrap_or(&BTreeMap::new()) != payments {
            audit.violation(id, "the aggregate has other payments");
        }
        let known = aggregate.usage.get(id).cloned().unwrap_or_default();
        let mut counted = account.counted(&known);
        // Of days long ago only the sum of all accounts is known.
        counted.retain(|day, _| known.contains_key(day) || !aggregate.old_usage.contains(day));
        if known != counted {
            audit.violation(id, "the aggregate has another usage");
        }
    }
}
