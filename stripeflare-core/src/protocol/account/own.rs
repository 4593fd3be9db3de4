//! The application's own tables.

use serde::{Deserialize, Serialize};

use super::Handler;
use crate::account::{Operation, Wallet};
use crate::bytes;
use crate::error::WalletError;
use crate::protocol::{Object, Right};
use crate::read_only_sql::Table;
use crate::schema::Statement;
use crate::sql::{Row, SqlError, Value};

/// The account has no room for more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Full;

/// Changes one row of a table of the application's, once per operation.
#[derive(Debug, Serialize, Deserialize)]
pub struct ChangeRow {
    pub operation: Operation,
    pub statement: Statement,
}

impl Handler for ChangeRow {
    /// What the statement answers.
    type Reply = Result<Vec<Row>, Full>;
    const RIGHT: Right = Right::Spend;

    fn run(&self, wallet: &mut Wallet<'_>, object: &dyn Object) -> Result<Self::Reply, WalletError> {
        if let Some((_, result)) = wallet.done(&self.operation)? {
            return Ok(Ok(bytes::read(&result).map_err(|error| SqlError(error.to_string()))?));
        }
        is_same_table(object, &self.statement.table, self.statement.layout)?;
        if wallet.note_full(object.is_nearly_full()?) {
            return Ok(Err(Full));
        }
        let rows = object.sql().run(&self.statement.sql, &self.statement.parameters)?;
        wallet.remember(&self.operation, "", bytes::write(&rows))?;
        Ok(Ok(rows))
    }
}

/// Answers a statement of the application's that reads.
#[derive(Debug, Serialize, Deserialize)]
pub struct ReadBySql {
    pub sql: String,
    pub parameters: Vec<Value>,
    pub most: u32,
    /// The table that it was written for, and its layout; `None` for any.
    pub table: Option<(String, u32)>,
}

impl Handler for ReadBySql {
    /// Or what is wrong with it.
    type Reply = Result<Table, String>;
    const RIGHT: Right = Right::Spend;

    fn run(&self, wallet: &mut Wallet<'_>, object: &dyn Object) -> Result<Self::Reply, WalletError> {
        if let Some((table, layout)) = &self.table {
            is_same_table(object, table, *layout)?;
        }
        // What is due is shown as done.
        wallet.write_row()?;
        Ok(object.look(&self.sql, &self.parameters, self.most))
    }

    fn before_anybody_paid(&self, _object: &dyn Object) -> Option<Self::Reply> {
        Some(Ok(Table::default()))
    }
}

/// While a new deploy replaces an old one, the two sides of a call may not agree on what a table is.
fn is_same_table(object: &dyn Object, table: &str, layout: u32) -> Result<(), SqlError> {
    let known = object.schema().tables.iter().find(|known| known.table == table);
    if known.is_some_and(|known| known.layout() == layout) {
        return Ok(());
    }
    Err(SqlError(format!(
        "the account's object and this worker are of different deploys: their table `{table}` differs"
    )))
}
