//! The object's SQLite, bound so that every JavaScript exception becomes a `Result`.

use std::cell::{Cell, RefCell};
use std::panic::AssertUnwindSafe;

use js_sys::{Array, IteratorNext, JsString, Uint8Array};
use stripeflare_core::clock::Millis;
use stripeflare_core::read_only_sql;
use stripeflare_core::read_only_sql::Table;
use stripeflare_core::sql::{Row, Sql, SqlError, Value};
use wasm_bindgen::prelude::*;

use crate::js::describe;

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
    #[wasm_bindgen(method, catch, variadic)]
    fn exec(this: &JsSql, statement: &str, parameters: Array) -> Result<JsCursor, JsValue>;

    type JsCursor;
    #[wasm_bindgen(method, catch)]
    fn raw(this: &JsCursor) -> Result<JsIterator, JsValue>;
    #[wasm_bindgen(method, getter, js_name = columnNames)]
    fn column_names(this: &JsCursor) -> Array;
    #[wasm_bindgen(method, getter, js_name = rowsWritten)]
    fn rows_written(this: &JsCursor) -> f64;

    type JsIterator;
    #[wasm_bindgen(method, catch, js_name = toArray)]
    fn to_array(this: &JsIterator) -> Result<Array, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn next(this: &JsIterator) -> Result<IteratorNext, JsValue>;
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
            *table.borrow_mut() = self.read(statement, parameters, most as usize);
            Err(SqlError("to be rolled back".into()))
        };
        let _ = self.transaction(run);
        table.into_inner().map_err(|error| error.to_string())
    }

    fn read(&self, statement: &str, parameters: &[Value], most: usize) -> Result<Table, SqlError> {
        let parameters = parameters.iter().map(to_js).collect::<Result<Array, SqlError>>()?;
        let cursor = self.sql.exec(statement, parameters).map_err(|exception| sql_error(&exception))?;
        let columns = cursor.column_names().iter().filter_map(|name| name.as_string()).collect();
        let rows = cursor.raw().map_err(|exception| sql_error(&exception))?;
        let mut table = Table { columns, ..Table::default() };
        let mut bytes = 0;
        // Row by row, so that nobody waits for more than is shown.
        loop {
            let next = rows.next().map_err(|exception| sql_error(&exception))?;
            if next.done() {
                break;
            }
            let row: Array = next.value().unchecked_into();
            let row = row.iter().map(|value| from_js(&value)).collect::<Result<Row, SqlError>>()?;
            bytes += read_only_sql::size(&row);
            if table.rows.len() == most || bytes > read_only_sql::MAX_BYTES {
                table.more = true;
                break;
            }
            table.rows.push(row);
        }
        if cursor.rows_written() > 0.0 {
            return Err(SqlError("this panel reads, and the statement would write".into()));
        }
        Ok(table)
    }
}

impl Sql for Storage {
    fn run(&self, statement: &str, parameters: &[Value]) -> Result<Vec<Row>, SqlError> {
        let parameters = parameters.iter().map(to_js).collect::<Result<Array, SqlError>>()?;
        let cursor = self.sql.exec(statement, parameters).map_err(|exception| sql_error(&exception))?;
        let rows = cursor.raw().and_then(|rows| rows.to_array()).map_err(|exception| sql_error(&exception))?;
        self.rows_written.set(self.rows_written.get() + cursor.rows_written() as u64);
        rows.iter().map(|row| row.unchecked_into::<Array>().iter().map(|value| from_js(&value)).collect()).collect()
    }
}

fn sql_error(exception: &JsValue) -> SqlError {
    SqlError(describe(exception))
}

const MAX_SAFE: i64 = (1 << 53) - 1;

fn to_js(value: &Value) -> Result<JsValue, SqlError> {
    Ok(match value {
        Value::Null => JsValue::NULL,
        Value::Integer(integer) if (-MAX_SAFE..=MAX_SAFE).contains(integer) => JsValue::from_f64(*integer as f64),
        Value::Integer(integer) => return Err(SqlError(format!("{integer} does not cross JavaScript unchanged"))),
        Value::Real(real) => JsValue::from_f64(*real),
        Value::Text(text) => JsValue::from_str(text),
        Value::Blob(bytes) => Uint8Array::from(bytes.as_slice()).into(),
    })
}

fn from_js(value: &JsValue) -> Result<Value, SqlError> {
    if value.is_null() || value.is_undefined() {
        return Ok(Value::Null);
    }
    if let Some(number) = value.as_f64() {
        let integer = number as i64;
        let whole = integer as f64 == number && (-MAX_SAFE..=MAX_SAFE).contains(&integer);
        return Ok(if whole { Value::Integer(integer) } else { Value::Real(number) });
    }
    if let Some(text) = value.dyn_ref::<JsString>() {
        return Ok(Value::Text(text.into()));
    }
    if let Some(buffer) = value.dyn_ref::<js_sys::ArrayBuffer>() {
        return Ok(Value::Blob(Uint8Array::new(buffer).to_vec()));
    }
    Err(SqlError("SQLite answered with a value of no type it has".into()))
}
