//! The object's SQLite, bound so that every JavaScript exception becomes a `Result`.

use std::cell::{Cell, RefCell};
use std::panic::AssertUnwindSafe;

use stripeflare_core::clock::Millis;
use stripeflare_core::read_only_sql;
use stripeflare_core::read_only_sql::Table;
use stripeflare_core::sql::{Row, Sql, SqlError, Value};
use wasm_bindgen::prelude::*;

use crate::js::describe;
use crate::js::values::{self, Values};

#[wasm_bindgen(module = "/src/js/glue.js")]
extern "C" {
    #[wasm_bindgen(catch)]
    fn run(sql: &JsSql, statement: &str, parameters: &[u8]) -> Result<Vec<u8>, JsValue>;
    #[wasm_bindgen(catch)]
    fn look(sql: &JsSql, statement: &str, parameters: &[u8], most: u32, bytes: u32) -> Result<Vec<u8>, JsValue>;
}

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(extends = js_sys::Object)]
    type JsStorage;
    #[wasm_bindgen(method, getter)]
    fn sql(this: &JsStorage) -> JsSql;
    #[wasm_bindgen(method, catch, js_name = transactionSync)]
    fn transaction_sync(
        this: &JsStorage,
        closure: &mut dyn FnMut() -> Result<JsValue, JsValue>,
    ) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method, catch, js_name = setAlarm)]
    fn set_alarm(this: &JsStorage, at_ms: f64) -> Result<js_sys::Promise, JsValue>;

    type JsSql;
    #[wasm_bindgen(method, catch, getter, js_name = databaseSize)]
    fn database_size(this: &JsSql) -> Result<f64, JsValue>;
}

pub(super) struct Storage {
    storage: JsStorage,
    sql: JsSql,
    rows_written: Cell<u64>,
}

impl Storage {
    pub(super) fn new(state: &worker::worker_sys::DurableObjectState) -> Result<Self, JsValue> {
        let storage: JsStorage = JsValue::from(state.storage()?).unchecked_into();
        Ok(Self { sql: storage.sql(), storage, rows_written: Cell::new(0) })
    }

    pub(super) fn rows_written(&self) -> u64 {
        self.rows_written.get()
    }

    /// Bytes in use: pages that were given back and not yet taken again do not count.
    pub(super) fn size(&self) -> Result<u64, SqlError> {
        self.sql.database_size().map(|bytes| bytes as u64).map_err(|exception| sql_error(&exception))
    }

    /// Sets the object's alarm, in the transaction that runs if one does.
    pub(super) fn set_alarm(&self, at: Millis) -> Result<(), SqlError> {
        // Its promise is fulfilled with the transaction: the runtime holds our answer back until then.
        self.storage.set_alarm(at as f64).map(drop).map_err(|exception| sql_error(&exception))
    }

    /// Runs `act` in one transaction; an `Err`, a panic or an exception leaves nothing of it.
    pub(super) fn transaction<T, E: From<SqlError>>(&self, act: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        // A panic in `act` goes on through JavaScript to our caller; neither cell is looked into after it.
        let act = AssertUnwindSafe(RefCell::new(Some(act)));
        let outcome = AssertUnwindSafe(RefCell::new(None));
        let mut run = || -> Result<JsValue, JsValue> {
            let act = act.borrow_mut().take().ok_or("a transaction runs once")?;
            let result = act();
            let failed = result.is_err();
            *outcome.borrow_mut() = Some(result);
            // The exception is what rolls back.
            if failed { Err("rolled back".into()) } else { Ok(JsValue::UNDEFINED) }
        };
        let committed = self.storage.transaction_sync(&mut run);
        match (outcome.0.into_inner(), committed) {
            (Some(Err(error)), _) => Err(error),
            (Some(Ok(value)), Ok(_)) => Ok(value),
            (_, Err(exception)) => Err(sql_error(&exception).into()),
            (None, Ok(_)) => Err(SqlError("the transaction did not run".into()).into()),
        }
    }

    /// Answers one statement that reads, with so many rows at most. Whatever it did is rolled back; if it wrote, it is
    /// refused.
    pub(super) fn look(&self, statement: &str, parameters: &[Value], most: u32) -> Result<Table, String> {
        let statement = read_only_sql::reads(statement)?;
        let table = RefCell::new(Ok(Table::default()));
        let run = || -> Result<(), SqlError> {
            *table.borrow_mut() = self.read(statement, parameters, most);
            Err(SqlError("to be rolled back".into()))
        };
        let _ = self.transaction(run);
        table.into_inner().map_err(|error| error.to_string())
    }

    fn read(&self, statement: &str, parameters: &[Value], most: u32) -> Result<Table, SqlError> {
        let parameters = values::write(parameters)?;
        let answer = look(&self.sql, statement, &parameters, most, read_only_sql::MAX_BYTES)
            .map_err(|exception| sql_error(&exception))?;
        let (table, rows_written) = read_table(&mut Values(&answer)).ok_or_else(unreadable)?;
        if rows_written > 0 {
            return Err(SqlError("this only reads, and the statement would write".into()));
        }
        Ok(table)
    }
}

/// A table, and how many rows were written.
fn read_table(values: &mut Values<'_>) -> Option<(Table, usize)> {
    let width = values.count()?;
    let columns = (0..width).map(|_| values.text()).collect::<Option<_>>()?;
    let mut table = Table { columns, ..Table::default() };
    while values.count()? > 0 {
        table.rows.push(values.row(width)?);
    }
    table.more = values.count()? > 0;
    Some((table, values.count()?))
}

/// Rows, and how many were written.
fn read_rows(values: &mut Values<'_>) -> Option<(Vec<Row>, usize)> {
    let (rows_written, count, width) = (values.count()?, values.count()?, values.count()?);
    let rows = (0..count).map(|_| values.row(width)).collect::<Option<_>>()?;
    Some((rows, rows_written))
}

fn unreadable() -> SqlError {
    SqlError("an answer in a form that nobody knows".into())
}

impl Sql for Storage {
    fn run(&self, statement: &str, parameters: &[Value]) -> Result<Vec<Row>, SqlError> {
        let parameters = values::write(parameters)?;
        let answer = run(&self.sql, statement, &parameters).map_err(|exception| sql_error(&exception))?;
        let (rows, rows_written) = read_rows(&mut Values(&answer)).ok_or_else(unreadable)?;
        self.rows_written.set(self.rows_written.get() + rows_written as u64);
        Ok(rows)
    }
}

fn sql_error(exception: &JsValue) -> SqlError {
    SqlError(describe(exception))
}
