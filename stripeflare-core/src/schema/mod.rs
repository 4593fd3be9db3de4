//! The owner's columns and tables: what `#[derive(StripeUser)]` and `#[derive(StripeTable)]` declare, and the SQL that brings
//! any database up to it.

mod column;
mod declared;
mod find;
mod kept_currency;
mod migrations;
mod shown;
mod table;
mod timestamp;

pub use column::{Column, ColumnError, ColumnReader, ColumnWriter, check_recorded_type, column, column_with_default};
pub use declared::{Schema, Tables, check_recorded_table, check_recorded_user, check_tables, dump_length_of, dump_of};
pub use find::{Field, Filter, Operand, Order, OrderBy};
pub use kept_currency::{check_currency, keep_currency};
pub use migrations::{migrate, remember, remembered, role_of};
pub use shown::PublicColumns;
pub use stripeflare_schema::{ColumnDef, ColumnType, DefaultValue, Dropped, IndexDef, Shown, Step};
pub use table::{Find, MOST, NotIndexed, Statement, key_of, rows_of};
pub use timestamp::Timestamp;

/// What a struct declares of a table's columns, through `#[derive(StripeUser)]` or `#[derive(StripeTable)]`.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say which columns a row has",
    label = "neither a `StripeUser` nor a `StripeTable`",
    note = "put `#[derive(StripeUser)]` or `#[derive(StripeTable)]` on `{Self}`"
)]
pub trait Columns: Sized + 'static {
    /// The columns, in the order of [`Columns::read`].
    const COLUMNS: &'static [ColumnDef];
    /// Columns that earlier versions had.
    const DROPPED: &'static [Dropped] = &[];
    /// Indexes over several columns.
    const INDEXES: &'static [IndexDef] = &[];
    /// SQL that the columns cannot say.
    const STEPS: &'static [Step] = &[];

    /// Reads a row, one value per column.
    ///
    /// # Errors
    /// When a value does not fit its column's type.
    fn read(row: &mut ColumnReader<'_>) -> Result<Self, ColumnError>;

    /// Writes a row, one value per column.
    fn write(&self, row: &mut ColumnWriter);
}

/// A row of your own columns beside the wallet's, usually through `#[derive(StripeUser)]`.
///
/// `()` stands for no columns of your own.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say which columns an account has",
    label = "not a `StripeUser`",
    note = "put `#[derive(StripeUser)]` on `{Self}`"
)]
pub trait StripeUser: Columns {
    /// What the schema lock calls the type.
    #[doc(hidden)]
    const NAME: &'static str = "";
}

impl Columns for () {
    const COLUMNS: &'static [ColumnDef] = &[];

    fn read(_row: &mut ColumnReader<'_>) -> Result<Self, ColumnError> {
        Ok(())
    }

    fn write(&self, _row: &mut ColumnWriter) {}
}

impl StripeUser for () {}

/// A row of a table of your own in each account's database, through `#[derive(StripeTable)]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no table",
    label = "not a `StripeTable`",
    note = "put `#[derive(StripeTable)]` on `{Self}`"
)]
pub trait StripeTable: Columns {
    /// The type of its key.
    type Key: TableKey;
    /// Its name in SQL.
    const NAME: &'static str;

    /// What finds this row.
    fn key(&self) -> &Self::Key;
}

/// The type of a table's key: `i64`, or `String`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a table's key",
    label = "not `i64` and not `String`",
    note = "a key is an `i64` that SQLite gives (insert 0), or a `String` of yours"
)]
pub trait TableKey: Column + std::fmt::Debug {
    /// What a new row is written with; `NULL` where SQLite is to give it.
    #[doc(hidden)]
    fn to_insert(&self) -> crate::sql::Value {
        self.to_value()
    }
}

impl TableKey for String {}

impl TableKey for i64 {
    fn to_insert(&self) -> crate::sql::Value {
        if *self == 0 { crate::sql::Value::Null } else { self.to_value() }
    }
}
