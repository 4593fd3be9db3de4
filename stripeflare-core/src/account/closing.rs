//! The end of an account.

use crate::account::refusal::NotClosed;
use crate::account::wallet::Wallet;
use crate::error::WalletError;
use crate::money::Cents;
use crate::schema::Schema;
use crate::sql::Value;

impl Wallet<'_> {
    /// Whether this very command closed the account.
    pub fn is_closed_by(&self, key: &str) -> Result<bool, WalletError> {
        Ok(self.amount_of(&entry_key(key))?.is_some())
    }

    /// Closes the account: its tokens and cards end, and what it knew of a person, its payers and the application's own rows
    /// too, is forgotten, here and in the aggregate. The ledger stays, what refunds and disputes need, and the money that is left, which pays for nothing from
    /// then on: the operator gives it back or [hands it over](Wallet::hand_over).
    ///
    /// Checked in this order: that no calls run, that no money is left, unless its owner forfeits it.
    pub fn close_account(
        &mut self,
        schema: &Schema,
        key: &str,
        forfeit: bool,
    ) -> Result<Result<(), NotClosed>, WalletError> {
        if self.open_holds().next().is_some() {
            return Ok(Err(NotClosed::CallsRunning));
        }
        let left = self.available()?.max(Cents::ZERO);
        if left.is_positive() && !forfeit {
            return Ok(Err(NotClosed::MoneyLeft { amount: left }));
        }
        self.write("close", &entry_key(key), Cents::ZERO, None)?;
        self.end_all_but_the_caller()?;
        // Now the caller's own.
        self.caller = None;
        self.end_all_but_the_caller()?;
        // The answers that it holds are the person's, too.
        self.sql.run("DELETE FROM idempotency", &[])?;
        self.sql.run("DELETE FROM answers", &[])?;
        self.sql.run("DELETE FROM operations", &[])?;
        for table in schema.tables {
            self.sql.run(&format!("DELETE FROM {}", stripeflare_schema::quoted(table.table)), &[])?;
        }
        self.account.kept_bytes = 0;
        self.account.hide_person();
        self.account.closed = true;
        self.sql.run("UPDATE payments SET payer_name = NULL, payer_email = NULL", &[])?;
        self.account.columns = schema.initial_row();
        let columns: String = schema.quoted_names().map(|name| format!(", {name} = ?")).collect();
        let update = format!(
            "UPDATE users SET closed = 1, name = NULL, email = NULL, card_fingerprint = NULL, verified_email = NULL{columns}"
        );
        let values: Vec<Value> = self.account.columns.clone();
        self.sql.run(&update, &values)?;
        Ok(Ok(()))
    }
}

fn entry_key(key: &str) -> String {
    format!("close:{key}")
}

#[cfg(test)]
mod tests;
