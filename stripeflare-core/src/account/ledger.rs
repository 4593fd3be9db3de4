//! The ledger: every change of the balance is an entry, written with the row.
//!
//! Entries lie in the order they were written in, by their places. Those of calls are written in groups and fold one day;
//! all others keep their keys.

mod group;

use crate::account::line::{CALLERS_KEY, CHARGE, call_of, place_of};
use crate::account::pending::Entry;
use crate::account::tokens::TokenId;
use crate::account::usage;
use crate::account::wallet::Wallet;
use crate::clock::{DAY_MS, Millis};
use crate::error::WalletError;
use crate::money::Cents;
use crate::sql::{Reader, SqlError, Value, read_all};

pub(super) use group::Group;

/// Entries that one row has at most.
const GROUP: usize = 256;
impl Entry {
    /// Of an entry of a call: when that began, and the rest of the key.
    fn call(&self) -> Option<(Millis, &str)> {
        call_of(&self.key)
    }

    /// Whether nobody asks for its key after two days.
    fn folds(&self) -> bool {
        self.call().is_some() || self.key.strip_prefix(CHARGE).is_some_and(|key| key.starts_with(CALLERS_KEY))
    }

    fn joins(&self, next: &Self) -> bool {
        let day = |entry: &Self| entry.at.div_euclid(DAY_MS);
        self.call().is_some() && next.call().is_some() && day(self) == day(next)
    }
}

impl Wallet<'_> {
    /// An entry whose key is new.
    pub(crate) fn write(
        &mut self,
        kind: &'static str,
        key: &str,
        amount: Cents,
        detail: Option<&str>,
    ) -> Result<(), WalletError> {
        let new = self.enter(kind, key, amount, detail, None)?;
        if new { Ok(()) } else { Err(SqlError(format!("an entry's key was used twice: {key}")).into()) }
    }

    /// The one place where a balance changes; the entry is written with the row. `false`: the key has its entry already, and
    /// nothing was done.
    pub(super) fn enter(
        &mut self,
        kind: &'static str,
        key: &str,
        amount: Cents,
        detail: Option<&str>,
        token: Option<TokenId>,
    ) -> Result<bool, WalletError> {
        let pending = self.known.pending.entry(key).is_some();
        // Without the disk: what has its entry there is taken back when it is written.
        if pending || self.sql.is_there() && self.made(key)?.is_some() {
            return Ok(false);
        }
        self.account.balance = self.account.balance.checked_add(amount).ok_or(WalletError::Overflow)?;
        let (key, detail) = (key.to_owned(), detail.map(str::to_owned));
        self.known.pending.enter(Entry { key, at: self.now, kind, amount, detail, token });
        Ok(true)
    }

    /// Writes what was entered: what calls cost together, and the rest by itself. What has its entry on the disk already is
    /// taken back.
    pub(super) fn write_entries(&mut self) -> Result<(), WalletError> {
        let mut entries = self.known.pending.take_entries();
        let before = entries.iter().try_fold(self.account.balance, |balance, entry| balance.checked_sub(entry.amount));
        self.account.balance = before.ok_or(WalletError::Overflow)?;
        let written = self.written(&entries)?;
        entries.retain(|entry| !written.contains(&entry.key));
        for run in entries.chunk_by(Entry::joins).flat_map(|run| run.chunks(GROUP)) {
            let after = run.iter().try_fold(self.account.balance, |balance, entry| balance.checked_add(entry.amount));
            self.account.balance = after.ok_or(WalletError::Overflow)?;
            for Entry { kind, at, amount, detail, .. } in run {
                if matches!(*kind, "capture" | "charge") {
                    usage::count(&mut self.account.usage, *at, detail.as_deref().unwrap_or_default(), -*amount)?;
                }
            }
            self.write_run(run)?;
        }
        Ok(())
    }

    /// Keys of those that are on the disk.
    fn written(&self, entries: &[Entry]) -> Result<Vec<String>, WalletError> {
        let since = entries.iter().filter_map(|entry| Some(entry.call()?.0)).min();
        let keys = serde_json::to_string(&entries.iter().map(|entry| &entry.key).collect::<Vec<_>>()).expect("texts");
        let keys = Value::from(keys);
        let mut rows = Vec::new();
        if let Some(since) = since {
            let select = "SELECT key FROM grouped_entries WHERE place >= ? AND key IN (SELECT value FROM json_each(?))";
            rows = self.sql.run(select, &[place_of(since).into(), keys.clone()])?;
        }
        if entries.iter().any(|entry| entry.call().is_none()) {
            let select = "SELECT key FROM keyed_entries WHERE key IN (SELECT value FROM json_each(?))";
            rows.extend(self.sql.run(select, &[keys])?);
        }
        Ok(read_all(rows, |row| Reader::new(row).text())?)
    }

    fn write_run(&mut self, run: &[Entry]) -> Result<(), SqlError> {
        let balance = self.account.balance;
        let ledger = &mut self.account.ledger;
        // No earlier than their calls began, whatever the clock says: so they are found by the times in their keys.
        let moments = run.iter().map(|entry| entry.call().map_or(entry.at, |(began, _)| entry.at.max(began)));
        ledger.last = place_of(moments.max().unwrap_or_default()).max(ledger.last + 1);
        ledger.lines += run.iter().filter(|entry| entry.folds()).count() as i64;
        let place = ledger.last;
        let entry = &run[0];
        if entry.call().is_some() {
            let [heads, lines] = Group::of(run, balance, place).texts();
            self.sql.run(
                "INSERT INTO entry_groups (place, balance, heads, lines) VALUES (?, ?, ?, ?)",
                &[place.into(), balance.units().into(), heads.into(), lines.into()],
            )?;
        } else {
            self.sql.run(
                "INSERT INTO keyed_entries (key, place, at, kind, amount, balance, detail, token, folds)
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                &[
                    entry.key.as_str().into(),
                    place.into(),
                    entry.at.into(),
                    entry.kind.into(),
                    entry.amount.units().into(),
                    balance.units().into(),
                    entry.detail.clone().into(),
                    entry.token.as_ref().map(TokenId::as_str).into(),
                    i64::from(entry.folds()).into(),
                ],
            )?;
        }
        Ok(())
    }

    /// An entry's amount and time. Of one that folded nobody asks any more.
    pub(crate) fn made(&self, key: &str) -> Result<Option<(Cents, Millis)>, WalletError> {
        if let Some(entry) = self.known.pending.entry(key) {
            return Ok(Some((entry.amount, entry.at)));
        }
        if let Some((began, end)) = call_of(key) {
            let select = format!("{} WHERE place >= ? AND instr(lines, ?) > 0", Group::SELECT);
            for row in self.sql.run(&select, &[place_of(began).into(), end.into()])? {
                if let Some(found) = Group::read(row)?.find(end)? {
                    return Ok(Some(found));
                }
            }
            return Ok(None);
        }
        let select = "SELECT amount, at FROM keyed_entries WHERE key = ?";
        let Some(row) = self.sql.run(select, &[key.into()])?.pop() else { return Ok(None) };
        let mut row = Reader::new(row);
        Ok(Some((row.cents()?, row.integer()?)))
    }

    pub(crate) fn amount_of(&self, key: &str) -> Result<Option<Cents>, WalletError> {
        Ok(self.made(key)?.map(|(amount, _)| amount))
    }
}

#[cfg(test)]
mod tests;
