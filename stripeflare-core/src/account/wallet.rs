use std::collections::BTreeSet;

use crate::account::memory::Known;
use crate::account::pending::Pending;
use crate::account::row::AccountRow;
use crate::account::tokens::Caller;
use crate::clock::Millis;
use crate::error::WalletError;
use crate::identity::AccountId;
use crate::money::Cents;
use crate::schema::Schema;
use crate::sql::{Sql, Value};

/// One account, loaded. Its row is written once, whatever was done to it.
pub struct Wallet<'a> {
    pub(crate) sql: &'a dyn Sql,
    pub(crate) now: Millis,
    pub(crate) account: AccountRow,
    /// Whose token was [authenticated](Wallet::authenticate); `None` for commands of ours.
    pub(crate) caller: Option<Caller>,
    /// Something that is written before it is answered.
    pub(crate) changed: bool,
    /// Without the row.
    pub(crate) known: Known,
    /// Payments that are different since it was loaded.
    pub(crate) changed_payments: BTreeSet<String>,
}

impl<'a> Wallet<'a> {
    /// The account of a database that is set up, or `None` before anybody paid.
    pub fn load(sql: &'a dyn Sql, schema: &Schema, now: Millis) -> Result<Option<Self>, WalletError> {
        Self::recall(Known::default(), sql, schema, now)
    }

    /// The same, of an object that knows something already.
    pub fn recall(
        mut known: Known,
        sql: &'a dyn Sql,
        schema: &Schema,
        now: Millis,
    ) -> Result<Option<Self>, WalletError> {
        let account = match known.row.take() {
            Some(row) => row,
            None => {
                let select = format!("{}{} FROM users", AccountRow::SELECT, schema.select_list());
                let Some(row) = sql.run(&select, &[])?.pop() else { return Ok(None) };
                let mut row = AccountRow::read(row, schema)?;
                known.pending.apply(&mut row)?;
                row
            }
        };
        Ok(Some(Self { sql, now, account, caller: None, changed: false, known, changed_payments: BTreeSet::new() }))
    }

    /// The account, registered now if nobody paid before.
    pub fn load_or_register(
        sql: &'a dyn Sql,
        schema: &Schema,
        now: Millis,
        id: &AccountId,
    ) -> Result<Self, WalletError> {
        Self::recall_or_register(Known::default(), sql, schema, now, id)
    }

    /// The same, of an object that knows something already.
    pub fn recall_or_register(
        known: Known,
        sql: &'a dyn Sql,
        schema: &Schema,
        now: Millis,
        id: &AccountId,
    ) -> Result<Self, WalletError> {
        if let Some(wallet) = Self::recall(known, sql, schema, now)? {
            return Ok(wallet);
        }
        sql.run(
            "INSERT INTO users (account_id, registered_at) VALUES (?, ?)",
            &[id.as_str().into(), Value::Integer(now)],
        )?;
        Ok(Self::load(sql, schema, now)?.expect("the row that was just inserted"))
    }

    /// Balance less open holds and what disputes freeze.
    pub fn available(&self) -> Result<Cents, WalletError> {
        self.open_holds()
            .try_fold(self.spendable()?, |rest, hold| rest.checked_sub(hold.amount))
            .ok_or(WalletError::Overflow)
    }

    /// Open holds, and endings that are not written.
    pub fn unsettled(&self) -> u64 {
        (self.open_holds().count() + usize::from(self.known.pending.has_endings())) as u64
    }

    pub fn is_unsent(&self) -> bool {
        self.account.is_unsent()
    }

    pub fn id(&self) -> &AccountId {
        &self.account.id
    }

    #[cfg(test)]
    pub fn balance(&self) -> Cents {
        self.account.balance
    }

    /// Balance less what disputes freeze: more than this no call can cost, however many holds end. What a stream
    /// reported before its hold expired is spent, though no entry says so yet.
    pub(crate) fn spendable(&self) -> Result<Cents, WalletError> {
        let balance = self.account.balance.checked_sub(self.account.frozen);
        let unwritten = self.expired_reports().map(|(_, report, _)| report.amount);
        unwritten.fold(balance, |rest, spent| rest?.checked_sub(spent)).ok_or(WalletError::Overflow)
    }

    pub(crate) fn freeze(&mut self, more: Cents) -> Result<(), WalletError> {
        self.account.frozen = self.account.frozen.checked_add(more).ok_or(WalletError::Overflow)?;
        self.touch();
        Ok(())
    }

    /// Whether the object has no room for another charge; the aggregate hears of it when that changes.
    pub fn note_full(&mut self, is_full: bool) -> bool {
        if self.account.is_full != is_full {
            self.account.is_full = is_full;
            self.touch();
        }
        is_full
    }

    /// The row, or what hangs on its revision, has changed.
    pub(crate) fn touch(&mut self) {
        self.changed = true;
    }

    /// Writes all that is to be written, and answers what the caller may see of it.
    #[cfg(test)]
    pub fn save(mut self) -> Result<AccountRow, WalletError> {
        self.write_group()?;
        if !self.may_manage() {
            self.account.hide_person();
        }
        Ok(self.account)
    }

    /// The same, for a command that is not over.
    pub fn show(&mut self) -> Result<AccountRow, WalletError> {
        self.write_row()?;
        let mut account = self.account.clone();
        if !self.may_manage() {
            account.hide_person();
        }
        Ok(account)
    }

    /// The same, and answers what is known by then.
    pub fn into_known(mut self) -> Result<Known, WalletError> {
        self.write_row()?;
        self.known.row = Some(self.account);
        Ok(self.known)
    }

    /// Writes the row and what is pending, if anything changed or has ended; without a disk, endings wait.
    pub(crate) fn write_row(&mut self) -> Result<(), WalletError> {
        if self.changed || self.sql.is_there() && self.known.pending.has_endings() {
            self.write_group()?;
        }
        Ok(())
    }

    /// Writes all that is pending.
    pub fn write_group(&mut self) -> Result<(), WalletError> {
        self.expire()?;
        if self.changed || !self.known.pending.is_empty() {
            // What is told to nobody makes no revision: which holds are open, and what the aggregate acknowledged.
            self.account.revision += i64::from(self.changed || self.known.pending.has_entries());
            self.write_entries()?;
            let now = self.now;
            self.account.holds.retain(|hold| hold.expires_at > now);
            self.sql.run(
                "UPDATE users SET balance = ?, frozen = ?, holds = ?, usage = ?, ledger = ?, kept_bytes = ?, is_full = ?, revision = ?,
                 sent_revision = ?, updated_at = ?",
                &[
                    self.account.balance.units().into(),
                    self.account.frozen.units().into(),
                    self.account.holds_value(),
                    self.account.usage_value(),
                    self.account.ledger_value(),
                    self.account.kept_bytes.into(),
                    i64::from(self.account.is_full).into(),
                    self.account.revision.into(),
                    self.account.sent_revision.into(),
                    now.into(),
                ],
            )?;
            self.changed = false;
            self.known.pending = Pending::default();
            self.known.written += 1;
        }
        Ok(())
    }
}
