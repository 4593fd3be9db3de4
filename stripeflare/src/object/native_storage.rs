//! In place of [an object's storage](storage.rs), for an application's own tests: SQLite in memory.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use rusqlite::Connection;
use stripeflare_core::clock::Millis;
use stripeflare_core::read_only_sql::Table;
use stripeflare_core::sql::{Reader, Row, Sql, SqlError, Value};
use stripeflare_core::testing::{database, look};
use wasm_bindgen::JsValue;

pub(super) struct Storage {
    sql: Connection,
    rings_at: Cell<Option<Millis>>,
}

impl Storage {
    /// There is no runtime that would ask for it.
    pub(super) fn new(_state: &worker::worker_sys::DurableObjectState) -> Result<Self, JsValue> {
        Err(JsValue::UNDEFINED)
    }

    pub(super) fn in_memory() -> Self {
        Self { sql: database(), rings_at: Cell::default() }
    }

    pub(super) fn rows_written(&self) -> u64 {
        self.sql.total_changes()
    }

    pub(super) fn size(&self) -> Result<u64, SqlError> {
        let pages = "SELECT (page_count - freelist_count) * page_size
            FROM pragma_page_count, pragma_freelist_count, pragma_page_size";
        let row = self.sql.run(pages, &[])?.pop().unwrap_or_default();
        Ok(Reader::new(row).integer()?.unsigned_abs())
    }

    pub(super) fn set_alarm(&self, at: Millis) -> Result<(), SqlError> {
        self.rings_at.set(Some(at));
        Ok(())
    }

    /// When the alarm rings.
    pub(super) fn alarm(&self) -> Option<Millis> {
        self.rings_at.get()
    }

    /// It rings now.
    pub(super) fn forget_alarm(&self) {
        self.rings_at.set(None);
    }

    /// Runs `act` in one transaction; an `Err` or a panic leaves nothing of it.
    pub(super) fn transaction<T, E: From<SqlError>>(&self, act: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        let alarm = self.rings_at.get();
        self.sql.run("BEGIN", &[])?;
        let outcome = catch_unwind(AssertUnwindSafe(act));
        if let Ok(Ok(value)) = outcome {
            self.sql.run("COMMIT", &[])?;
            return Ok(value);
        }
        self.rings_at.set(alarm);
        self.sql.run("ROLLBACK", &[])?;
        outcome.unwrap_or_else(|panic| resume_unwind(panic))
    }

    pub(super) fn look(&self, statement: &str, parameters: &[Value], most: u32) -> Result<Table, String> {
        look(&self.sql, statement, parameters, most)
    }
}

impl Sql for Storage {
    fn run(&self, statement: &str, parameters: &[Value]) -> Result<Vec<Row>, SqlError> {
        self.sql.run(statement, parameters)
    }
}
