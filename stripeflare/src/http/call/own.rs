//! The caller's own tables.

use std::rc::Rc;

use serde::de::DeserializeOwned;
use stripeflare_core::money::Cents;
use stripeflare_core::protocol::AnyCommand;
use stripeflare_core::schema::StripeTable;
use stripeflare_core::sql::Value;

use crate::deployment::own::{Asked, Asks, Table, query};
use crate::error::{Error, Kind, Result};
use crate::http::call::account::Account;
use crate::http::call::context::Context;

impl<U> Account<U> {
    /// A table of yours in this account's database: `account.table::<Note>()`.
    ///
    /// Before anybody paid into the account it is empty, and writing answers 402.
    #[must_use]
    pub fn table<T: StripeTable>(&self) -> Table<T> {
        Table::of(Rc::new(self.context().clone()))
    }

    /// Answers a statement that reads this account's database: your own tables, and the wallet's.
    ///
    /// ```
    /// # use stripeflare::prelude::*;
    /// #[derive(serde::Deserialize)]
    /// struct Count {
    ///     tag: String,
    ///     notes: u32,
    /// }
    ///
    /// # async fn counts(account: Account<()>) -> Result<()> {
    /// let sql = "SELECT tag, COUNT(*) AS notes FROM note WHERE tag <> ? GROUP BY tag";
    /// let counts: Vec<Count> = account.query(sql, &["draft".into()]).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// A row is anything that serde makes of its columns' names and values: a struct, or `serde_json::Value`. Amounts are
    /// ten-thousandths of a cent. Whatever else the statement does is rolled back. Before anybody paid into the account it answers
    /// no rows.
    ///
    /// # Errors
    /// When the statement does more than read, SQLite refuses it, it answers more than 10,000 rows or 2 MiB, or a row does not fit.
    pub async fn query<R: DeserializeOwned>(&self, sql: &str, parameters: &[Value]) -> Result<Vec<R>> {
        query(self.context(), sql, parameters).await
    }
}

impl Asks for Context {
    fn ask(&self, command: AnyCommand, writes: bool) -> Asked<'_> {
        Box::pin(async move {
            let token = match writes {
                true => self.spending_token(),
                false => self.token().map(|known| known.map(|(token, _)| token)),
            };
            let refused = |response| Error(Kind::Refused(Box::new(response)));
            if let Some(token) = token.map_err(refused)? {
                match self.deployment.stubs.as_caller(token).ask_with_endings(command).await {
                    Ok(reply) => return Ok(Some(reply)),
                    Err(error) => self.not_done(error).map_err(refused)?,
                }
            }
            if writes { Err(refused(self.unregistered(Cents::ZERO))) } else { Ok(None) }
        })
    }
}
