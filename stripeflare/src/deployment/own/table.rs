use std::fmt;
use std::marker::PhantomData;
use std::rc::Rc;

use stripeflare_core::account::{Operation, TxError};
use stripeflare_core::clock::now;
use stripeflare_core::protocol::account::{ChangeRow, Full, ReadBySql};
use stripeflare_core::schema::{Filter, Find, MOST, Order, Statement, StripeTable, key_of, rows_of};
use stripeflare_core::sql::Row;

use crate::deployment;
use crate::deployment::own::Asks;
use crate::error::Result;

/// A table of yours in one account's database. Each of its methods is one request to the account's object.
pub struct Table<T> {
    account: Rc<dyn Asks>,
    rows: PhantomData<fn() -> T>,
}

impl<T: StripeTable> Table<T> {
    pub(crate) fn of(account: Rc<dyn Asks>) -> Self {
        Self { account, rows: PhantomData }
    }

    /// Adds a row and answers its key: of one whose key is the number 0, the key that SQLite gave it, which is larger than all
    /// before.
    ///
    /// # Errors
    /// [`TxError::Exists`] when a row with this key is there, [`TxError::Value`] for a value that cannot be stored; and when
    /// nothing could be asked, or nobody has paid into the account.
    pub async fn insert(&self, row: &T) -> Result<T::Key> {
        let rows = self.change(Statement::insert(row).map_err(TxError::Value)?).await?;
        Ok(key_of::<T>(&rows)?.ok_or_else(|| TxError::Exists(T::NAME.into()))?)
    }

    /// The row of a key.
    ///
    /// # Errors
    /// When nothing could be asked.
    pub async fn get(&self, key: impl Into<T::Key>) -> Result<Option<T>> {
        Ok(rows_of(&self.read(Statement::get::<T>(&key.into())).await?)?.pop())
    }

    /// Writes a row in the place of the one with its key; `false` where there is none. Of two who read a row and write it, the
    /// last one wins: where that matters, read and write in an atomic.
    ///
    /// # Errors
    /// As [`Table::insert`].
    pub async fn update(&self, row: &T) -> Result<bool> {
        Ok(!self.change(Statement::update(row).map_err(TxError::Value)?).await?.is_empty())
    }

    /// Deletes the row of a key; `false` where there is none.
    ///
    /// # Errors
    /// As [`Table::insert`].
    pub async fn delete(&self, key: impl Into<T::Key>) -> Result<bool> {
        Ok(!self.change(Statement::delete::<T>(&key.into())).await?.is_empty())
    }

    /// The rows that a filter holds for, by columns that have an index: `Note::tag.eq("work")`.
    pub fn find(&self, filter: Filter<T>) -> Rows<'_, T> {
        Rows { table: self, find: Find::new(filter) }
    }

    /// All rows.
    pub fn all(&self) -> Rows<'_, T> {
        Rows { table: self, find: Find::all() }
    }

    async fn change(&self, statement: Statement) -> Result<Vec<Row>> {
        listed::<T>()?;
        let rows = self.account.writes(ChangeRow { operation: Operation::new(now()), statement }).await?;
        Ok(rows.map_err(|Full| TxError::AccountFull)?)
    }

    async fn read(&self, statement: Statement) -> Result<Vec<Row>> {
        listed::<T>()?;
        let Statement { table, layout, sql, parameters } = statement;
        let read = ReadBySql { sql, parameters, most: MOST, table: Some((table, layout)) };
        let found = self.account.reads(read).await?.unwrap_or(Ok(Default::default())).map_err(TxError::Wrong)?;
        if found.more {
            let problem = format!("what was to be read of `{}` takes more than 2 MiB: write a `limit`", T::NAME);
            return Err(TxError::Wrong(problem).into());
        }
        Ok(found.rows)
    }
}

/// Whether the accounts have this table.
fn listed<T: StripeTable>() -> Result<()> {
    if deployment::tables().iter().any(|table| table.table == T::NAME) {
        return Ok(());
    }
    let name = std::any::type_name::<T>().rsplit("::").next().unwrap_or_default();
    Err(TxError::Wrong(format!("`{name}` is not listed: write `#[stripeflare::main(tables({name}))]`")).into())
}

impl<T> fmt::Debug for Table<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Table")
    }
}

/// Rows to be found.
#[must_use = "nothing is found before it is asked for"]
pub struct Rows<'a, T> {
    table: &'a Table<T>,
    find: Find<T>,
}

impl<T: StripeTable> Rows<'_, T> {
    /// Orders them, by a further column if called again, and by the key where all else is equal.
    pub fn order_by(mut self, order: Order<T>) -> Self {
        self.find = self.find.order_by(order);
        self
    }

    /// At most so many; a thousand at most.
    pub fn limit(mut self, count: u32) -> Self {
        self.find = self.find.limit(count);
        self
    }

    /// Asks for them. The next page is what a filter finds beyond the last row's value.
    ///
    /// # Errors
    /// When nothing could be asked, or they take more than 2 MiB.
    pub async fn rows(self) -> Result<Vec<T>> {
        Ok(rows_of(&self.table.read(self.find.statement()).await?)?)
    }
}

impl<T> fmt::Debug for Rows<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.find.fmt(f)
    }
}
