use serde::de::DeserializeOwned;
use stripeflare_core::account::TxError;
use stripeflare_core::protocol::account::ReadBySql;
use stripeflare_core::read_only_sql::MAX_ROWS;
use stripeflare_core::sql::Value;

use crate::deployment::own::Asks;
use crate::error::Result;

/// Answers a statement that reads.
pub(crate) async fn query<R: DeserializeOwned>(account: &dyn Asks, sql: &str, parameters: &[Value]) -> Result<Vec<R>> {
    let command = ReadBySql { sql: sql.to_owned(), parameters: parameters.to_vec(), most: MAX_ROWS, table: None };
    let table = match account.reads(command).await? {
        None => return Ok(Vec::new()),
        Some(table) => table.map_err(TxError::Wrong)?,
    };
    if table.more {
        let problem = format!("a query answers at most {MAX_ROWS} rows of 2 MiB together: write a LIMIT");
        return Err(TxError::Wrong(problem).into());
    }
    Ok(table.typed().map_err(|problem| TxError::Wrong(format!("`{sql}`: {problem}")))?)
}
