use crate::account::pending::Entry;
use crate::account::usage;
use crate::account::wallet::Wallet;
use crate::clock::Millis;
use crate::error::WalletError;
use crate::money::Cents;
use crate::sql::{Reader, SqlError};

impl Wallet<'_> {
    /// An entry whose key is new.
    pub(crate) fn write(
        &mut self,
        kind: &'static str,
        key: &str,
        amount: Cents,
        detail: Option<&str>,
    ) -> Result<(), WalletError> {
        let new = self.enter(kind, key, amount, detail)?;
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
    ) -> Result<bool, WalletError> {
        if self.made(key)?.is_some() {
            return Ok(false);
        }
        self.account.balance = self.account.balance.checked_add(amount).ok_or(WalletError::Overflow)?;
        let entry = Entry { key: key.to_owned(), at: self.now, kind, amount, detail: detail.map(str::to_owned) };
        self.pending.entries.push(entry);
        self.changed = true;
        Ok(true)
    }

    /// Writes what was entered, all together. What has its entry on the disk already is taken back.
    pub(super) fn write_entries(&mut self) -> Result<(), WalletError> {
        let entries = std::mem::take(&mut self.pending.entries);
        let before = entries.iter().try_fold(self.account.balance, |balance, entry| balance.checked_sub(entry.amount));
        let mut balance = before.ok_or(WalletError::Overflow)?;
        for Entry { key, at, kind, amount, detail } in entries {
            let after = balance.checked_add(amount).ok_or(WalletError::Overflow)?;
            let detail = detail.as_deref();
            let written = self.sql.run(
                "INSERT INTO entries (key, at, kind, amount, balance, detail) VALUES (?, ?, ?, ?, ?, ?)
                 ON CONFLICT (key) DO NOTHING RETURNING 1",
                &[key.into(), at.into(), kind.into(), amount.units().into(), after.units().into(), detail.into()],
            )?;
            if written.is_empty() {
                continue;
            }
            if matches!(kind, "capture" | "charge") {
                usage::count(&mut self.account.usage, at, detail.unwrap_or_default(), -amount)?;
            }
            balance = after;
        }
        self.account.balance = balance;
        Ok(())
    }

    /// An entry's amount and time.
    pub(crate) fn made(&self, key: &str) -> Result<Option<(Cents, Millis)>, WalletError> {
        if let Some(entry) = self.pending.entries.iter().find(|entry| entry.key == key) {
            return Ok(Some((entry.amount, entry.at)));
        }
        let Some(row) = self.sql.run("SELECT amount, at FROM entries WHERE key = ?", &[key.into()])?.pop() else {
            return Ok(None);
        };
        let mut row = Reader::new(row);
        let amount = Cents::checked_from_units(row.integer()?).ok_or(WalletError::Overflow)?;
        Ok(Some((amount, row.integer()?)))
    }

    pub(crate) fn amount_of(&self, key: &str) -> Result<Option<Cents>, WalletError> {
        Ok(self.made(key)?.map(|(amount, _)| amount))
    }
}

#[cfg(test)]
mod tests;
