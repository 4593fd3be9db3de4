use std::cell::Cell;

use serde::{Deserialize, Serialize};

use crate::account::Wallet;
use crate::clock::Millis;
use crate::error::WalletError;
use crate::read_only_sql::Table;
use crate::schema::{Schema, check_currency, migrate, remember, remembered, role_of};
use crate::sql::{Sql, SqlError, Value};
use crate::tables::Role;

/// Under which an object remembers its mode.
const LIVEMODE: &str = "livemode";

/// The mode that an object remembers: its alarm does not always know its name.
pub fn kept_livemode(sql: &dyn Sql) -> Option<bool> {
    remembered(sql, LIVEMODE).ok().flatten().map(|live| live != 0)
}

/// Of so many bytes an object stores: a twentieth less than Cloudflare lets it.
pub const NEARLY_FULL: u64 = 9_500_000_000;

/// The object that a command came to: its storage and its alarm.
pub trait Object {
    fn sql(&self) -> &dyn Sql;

    fn schema(&self) -> &Schema;

    /// What `STRIPE_CURRENCY` says.
    fn currency(&self) -> &str;

    /// Its mode, as its name says, where the runtime tells it.
    fn livemode(&self) -> Option<bool>;

    /// What it is, once its tables are there and of this deploy's version.
    fn known_role(&self) -> &Cell<Option<Role>>;

    /// Answers one statement that reads, with so many rows at most.
    fn look(&self, statement: &str, parameters: &[Value], most: u32) -> Result<Table, String>;

    /// Lets the alarm ring by then.
    fn ring_by(&self, at: Millis) -> Result<(), SqlError>;

    /// Lets it ring for changes that are to be told.
    fn ring_soon(&self) -> Result<(), SqlError>;

    fn stats(&self) -> Stats;

    /// Whether what it stores leaves room for payments, refunds and folding alone.
    fn is_nearly_full(&self) -> Result<bool, SqlError>;

    /// What it is, with its tables brought up to date; `None` before it was ever written to.
    fn role(&self) -> Result<Option<Role>, WalletError> {
        if self.known_role().get().is_none()
            && let Some(role) = role_of(self.sql())?
        {
            self.set_up(role)?;
        }
        Ok(self.known_role().get())
    }

    fn set_up(&self, role: Role) -> Result<(), WalletError> {
        if self.known_role().get().is_none() {
            migrate(self.sql(), role, self.schema())?;
            check_currency(self.sql(), self.currency())?;
            if let Some(livemode) = self.livemode()
                && remembered(self.sql(), LIVEMODE)?.is_none()
            {
                remember(self.sql(), LIVEMODE, livemode.into())?;
            }
            self.known_role().set(Some(role));
        }
        Ok(())
    }

    /// The account, unless nobody has paid yet: then nothing is written, no table either.
    fn existing(&self, now: Millis) -> Result<Option<Wallet<'_>>, WalletError> {
        if self.role()? != Some(Role::Account) {
            return Ok(None);
        }
        Wallet::load(self.sql(), self.schema(), now)
    }
}

/// Counted in memory since the object woke up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stats {
    /// Commands answered, this one not counted.
    pub commands: u64,
    /// Rows written, as the cursors say it and Cloudflare bills it.
    pub rows_written: u64,
}
