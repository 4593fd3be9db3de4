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
        kind: &str,
        key: &str,
        amount: Cents,
        detail: Option<&str>,
    ) -> Result<(), WalletError> {
        let new = self.enter(kind, key, amount, detail)?;
        if new { Ok(()) } else { Err(SqlError(format!("an entry's key was used twice: {key}")).into()) }
    }

    /// The one place where a balance changes. `false`: the key has its entry already, and nothing was done.
    pub(super) fn enter(
        &mut self,
        kind: &str,
        key: &str,
        amount: Cents,
        detail: Option<&str>,
    ) -> Result<bool, WalletError> {
        let balance = self.account.balance.checked_add(amount).ok_or(WalletError::Overflow)?;
        let written = self.sql.run(
            "INSERT INTO entries (key, at, kind, amount, balance, detail) VALUES (?, ?, ?, ?, ?, ?)
             ON CONFLICT (key) DO NOTHING RETURNING 1",
            &[key.into(), self.now.into(), kind.into(), amount.units().into(), balance.units().into(), detail.into()],
        )?;
        if written.is_empty() {
            return Ok(false);
        }
        if matches!(kind, "capture" | "charge") {
            usage::count(&mut self.account.usage, self.now, detail.unwrap_or_default(), -amount)?;
        }
        self.account.balance = balance;
        self.changed = true;
        Ok(true)
    }

    /// An entry's amount and time.
    pub(crate) fn made(&self, key: &str) -> Result<Option<(Cents, Millis)>, WalletError> {
        let Some(row) = self.sql.run("SELECT amount, at FROM entries WHERE key = ?", &[key.into()])?.pop() else {
            return Ok(None);
        };
        let mut row = Reader::new(row);
        let amount = Cents::checked_from_units(row.integer()?).ok_or(WalletError::Overflow)?;
        Ok(Some((amount, row.integer()?)))
    }

    pub(crate) fn amount_of(&self, key: &str) -> Result<Option<Cents>, WalletError> {
        match self.sql.run("SELECT amount FROM entries WHERE key = ?", &[key.into()])?.pop() {
            Some(row) => Ok(Some(Cents::checked_from_units(Reader::new(row).integer()?).ok_or(WalletError::Overflow)?)),
            None => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests;
