//! For tests.

use std::cell::Cell;

use crate::clock::Millis;
use crate::error::WalletError;
use crate::protocol::{self, Envelope, Object, Stats};
use crate::read_only_sql::Table;
use crate::schema::Schema;
use crate::sql::{Reader, Sql, SqlError, Value};
use crate::tables::Role;
use crate::testing::{database, look};

/// An object without a runtime around it.
pub(super) struct NativeObject {
    pub(super) sql: rusqlite::Connection,
    schema: Schema,
    currency: &'static str,
    role: Cell<Option<Role>>,
    /// When its alarm was last asked to ring; 0 for soon.
    pub(super) rings_at: Cell<Option<Millis>>,
    /// Whether its size can be read.
    pub(super) has_size: Cell<bool>,
}

impl NativeObject {
    pub(super) fn new(schema: Schema) -> Self {
        let (role, rings_at, has_size) = (Cell::default(), Cell::default(), Cell::new(true));
        Self { sql: database(), schema, currency: "usd", role, rings_at, has_size }
    }

    /// Woken up by a deployment of this currency.
    pub(super) fn in_currency(self, currency: &'static str) -> Self {
        Self { currency, role: Cell::default(), ..self }
    }

    /// Answers in one transaction, as an object does.
    pub(super) fn answer(&self, envelope: &Envelope, now: Millis) -> Result<Vec<u8>, WalletError> {
        let role = self.role.get();
        self.sql.execute_batch("BEGIN").unwrap();
        let answer = protocol::answer(self, envelope, now);
        if answer.is_err() {
            self.role.set(role);
        }
        self.sql.execute_batch(if answer.is_ok() { "COMMIT" } else { "ROLLBACK" }).unwrap();
        answer
    }
}

impl Object for NativeObject {
    fn sql(&self) -> &dyn Sql {
        &self.sql
    }

    fn schema(&self) -> &Schema {
        &self.schema
    }

    fn currency(&self) -> &str {
        self.currency
    }

    fn livemode(&self) -> Option<bool> {
        Some(false)
    }

    fn known_role(&self) -> &Cell<Option<Role>> {
        &self.role
    }

    fn look(&self, statement: &str, parameters: &[Value], most: u32) -> Result<Table, String> {
        look(&self.sql, statement, parameters, most)
    }

    fn ring_by(&self, at: Millis) -> Result<(), SqlError> {
        self.rings_at.set(Some(at));
        Ok(())
    }

    fn ring_soon(&self) -> Result<(), SqlError> {
        self.ring_by(0)
    }

    fn stats(&self) -> Stats {
        Stats::default()
    }

    /// As much less than a test allows it as an object's share is less than Cloudflare allows.
    fn is_nearly_full(&self) -> Result<bool, SqlError> {
        let pages = "SELECT page_count - freelist_count, max_page_count
            FROM pragma_page_count, pragma_freelist_count, pragma_max_page_count";
        if !self.has_size.get() {
            return Err(SqlError("no size".into()));
        }
        let mut row = Reader::new(self.sql.run(pages, &[])?.remove(0));
        let (used, most) = (row.integer()?, row.integer()?);
        Ok(used * 20 >= most * 19)
    }
}
