//! What native tests share.

use rusqlite::types::ValueRef;

use crate::read_only_sql::{self, Table};
use crate::sql::{Row, Sql, SqlError, Value};

/// A database in memory.
pub fn database() -> rusqlite::Connection {
    rusqlite::Connection::open_in_memory().unwrap()
}

/// Answers one statement that reads, with so many rows at most; whatever it did is rolled back.
pub fn look(sql: &rusqlite::Connection, statement: &str, parameters: &[Value], most: u32) -> Result<Table, String> {
    let statement = read_only_sql::reads(statement)?;
    sql.execute_batch("SAVEPOINT look").unwrap();
    let columns = sql
        .prepare(statement)
        .map_err(|error| error.to_string())
        .map(|prepared| prepared.column_names().map(str::to_owned).collect::<Vec<_>>());
    let rows = sql.run(statement, parameters).map_err(|error| error.to_string());
    sql.execute_batch("ROLLBACK TO look; RELEASE look").unwrap();
    let (columns, mut rows) = (columns?, rows?);
    let more = rows.len() > most as usize;
    rows.truncate(most as usize);
    Ok(Table { columns, rows, more })
}

impl Sql for rusqlite::Connection {
    fn run(&self, statement: &str, parameters: &[Value]) -> Result<Vec<Row>, SqlError> {
        let run = || {
            let mut statement = self.prepare_cached(statement)?;
            let columns = statement.column_count();
            let parameters = rusqlite::params_from_iter(parameters.iter().map(|value| match value {
                Value::Null => rusqlite::types::Value::Null,
                Value::Integer(integer) => rusqlite::types::Value::Integer(*integer),
                Value::Real(real) => rusqlite::types::Value::Real(*real),
                Value::Text(text) => rusqlite::types::Value::Text(text.clone()),
                Value::Blob(blob) => rusqlite::types::Value::Blob(blob.clone()),
            }));
            let rows = statement.query_map(parameters, |row| {
                (0..columns)
                    .map(|column| {
                        Ok(match row.get_ref(column)? {
                            ValueRef::Null => Value::Null,
                            ValueRef::Integer(integer) => Value::Integer(integer),
                            ValueRef::Real(real) => Value::Real(real),
                            ValueRef::Text(text) => Value::Text(String::from_utf8_lossy(text).into_owned()),
                            ValueRef::Blob(blob) => Value::Blob(blob.to_vec()),
                        })
                    })
                    .collect()
            })?;
            rows.collect::<rusqlite::Result<Vec<Row>>>()
        };
        run().map_err(|error| SqlError(error.to_string()))
    }
}
