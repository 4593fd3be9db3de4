use std::cell::Cell;

use serde::{Deserialize, Serialize};

use crate::account::Memory;
use crate::clock::Millis;
use crate::error::WalletError;
use crate::read_only_sql::Table;
use crate::schema::{Schema, check_currency, migrate, remember, remembered, role_of};
use crate::sql::{NoSql, Sql, SqlError, Value};
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

    /// What it knows of its account from one command to the next.
    fn memory(&self) -> &Memory;

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
}

/// An object without its disk, for what can be done without: whatever needs it is an error, and nothing is done.
pub(super) struct WithoutDisk<'a>(pub(super) &'a dyn Object);

impl Object for WithoutDisk<'_> {
    fn sql(&self) -> &dyn Sql {
        &NoSql
    }

    fn schema(&self) -> &Schema {
        self.0.schema()
    }

    fn currency(&self) -> &str {
        self.0.currency()
    }

    fn livemode(&self) -> Option<bool> {
        self.0.livemode()
    }

    fn memory(&self) -> &Memory {
        self.0.memory()
    }

    fn known_role(&self) -> &Cell<Option<Role>> {
        self.0.known_role()
    }

    fn look(&self, _statement: &str, _parameters: &[Value], _most: u32) -> Result<Table, String> {
        Err("there is no disk to look at".into())
    }

    fn ring_by(&self, _at: Millis) -> Result<(), SqlError> {
        Err(SqlError("an alarm is kept on the disk".into()))
    }

    fn ring_soon(&self) -> Result<(), SqlError> {
        self.ring_by(0)
    }

    fn stats(&self) -> Stats {
        self.0.stats()
    }

    fn is_nearly_full(&self) -> Result<bool, SqlError> {
        self.0.is_nearly_full()
    }
}

/// Counted in memory since the object woke up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stats {
    /// Commands answered, this one not counted.
    pub commands: u64,
    /// Rows written, as the cursors say it and Cloudflare bills it.
    pub rows_written: u64,
    /// Holds that are open, and endings that are not written yet.
    pub unsettled: u64,
}
