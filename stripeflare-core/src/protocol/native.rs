//! For tests.

use std::cell::Cell;

use crate::account::{Line, Memory, Receipt, Wallet};
use crate::clock::Millis;
use crate::error::WalletError;
use crate::protocol::{self, Envelope, Object, Stats};
use crate::read_only_sql::Table;
use crate::schema::Schema;
use crate::sql::{Reader, Row, Sql, SqlError, Value};
use crate::tables::Role;
use crate::testing::{database, look};

/// An object without a runtime around it.
pub(crate) struct NativeObject {
    pub(crate) sql: rusqlite::Connection,
    schema: Schema,
    currency: &'static str,
    role: Cell<Option<Role>>,
    memory: Memory,
    /// A statement fails, after so many that do not.
    pub(crate) fails_after: Cell<Option<usize>>,
    /// When its alarm was last asked to ring; 0 for soon.
    pub(crate) rings_at: Cell<Option<Millis>>,
    /// Whether its size can be read.
    pub(crate) has_size: Cell<bool>,
}

impl NativeObject {
    pub(crate) fn new(schema: Schema) -> Self {
        Self {
            sql: database(),
            schema,
            currency: "usd",
            role: Cell::default(),
            memory: Memory::default(),
            fails_after: Cell::default(),
            rings_at: Cell::default(),
            has_size: Cell::new(true),
        }
    }

    /// Woken up by a deployment of this currency.
    pub(crate) fn in_currency(self, currency: &'static str) -> Self {
        Self { currency, role: Cell::default(), memory: Memory::default(), ..self }
    }

    /// Answers in one transaction, as an object does.
    pub(crate) fn answer(&self, envelope: &Envelope, now: Millis) -> Result<Vec<u8>, WalletError> {
        match protocol::answer_from_memory(self, envelope, now) {
            Some(answer) => Ok(answer),
            None => self.transaction(|| protocol::answer(self, envelope, now)),
        }
    }

    /// It is evicted, and wakes up.
    pub(crate) fn dies(&mut self) {
        (self.role, self.memory) = Default::default();
    }

    pub(crate) fn receipt(&self) -> Receipt {
        self.memory.receipt()
    }

    pub(crate) fn due(&self, now: Millis) -> Option<Millis> {
        self.memory.due(now)
    }

    pub(crate) fn write_group(&self, now: Millis) -> Result<(), WalletError> {
        self.transaction(|| protocol::account::write_group(self, now))
    }

    pub(crate) fn write_group_failing_at_once(&self, now: Millis) -> Result<(), WalletError> {
        self.fails_after.set(Some(0));
        let done = self.write_group(now);
        self.fails_after.set(None);
        done
    }

    /// What is remembered is what the disk says, and what is pending.
    pub(crate) fn is_as_remembered(&self, now: Millis) {
        let known = self.memory.recall();
        let mut anew = known.clone();
        anew.forget();
        let read = Wallet::recall(anew, &self.sql, &self.schema, now).unwrap();
        assert!(known.row.is_none() || known.row == read.map(|wallet| wallet.account));
    }

    pub(crate) fn lines_on_disk(&self) -> Vec<Line> {
        Wallet::load(&self.sql, &self.schema, 0)
            .unwrap()
            .map_or(Vec::new(), |mut wallet| wallet.lines(None, 1_000).unwrap().unwrap())
    }

    pub(crate) fn balance_on_disk(&self) -> i64 {
        Wallet::load(&self.sql, &self.schema, 0).unwrap().map_or(0, |wallet| wallet.account.balance.units())
    }

    pub(crate) fn transaction<T>(&self, act: impl FnOnce() -> Result<T, WalletError>) -> Result<T, WalletError> {
        let role = self.role.get();
        self.sql.execute_batch("BEGIN").unwrap();
        let done = self.memory.attempt(act);
        if done.is_err() {
            self.role.set(role);
            self.memory.forget();
        }
        self.sql.execute_batch(if done.is_ok() { "COMMIT" } else { "ROLLBACK" }).unwrap();
        done
    }
}

impl Sql for NativeObject {
    fn run(&self, statement: &str, parameters: &[Value]) -> Result<Vec<Row>, SqlError> {
        match self.fails_after.get() {
            Some(0) => return Err(SqlError("this statement fails".into())),
            Some(left) => self.fails_after.set(Some(left - 1)),
            None => {}
        }
        self.sql.run(statement, parameters)
    }
}

impl Object for NativeObject {
    fn sql(&self) -> &dyn Sql {
        self
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

    fn memory(&self) -> &Memory {
        &self.memory
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
