//! The owner's columns: what `#[derive(StripeUser)]` declares, and the SQL that brings any database up to it.

mod column;
mod declared;
mod find;
mod kept_currency;
mod migrations;
mod shown;
mod timestamp;

pub use column::{Column, ColumnError, ColumnReader, ColumnWriter, check_recorded_type, column, column_with_default};
pub use declared::{Schema, check_recorded_user, dump_length_of, dump_of};
pub use find::{Field, Filter, Operand, Order, OrderBy};
pub use kept_currency::{check_currency, keep_currency};
pub use migrations::{migrate, remember, remembered, role_of};
pub use shown::PublicColumns;
pub use stripeflare_schema::{ColumnDef, ColumnType, DefaultValue, Dropped, IndexDef, Shown, Step};
pub use timestamp::Timestamp;

/// A row of your own columns beside the wallet's, usually through `#[derive(StripeUser)]`.
///
/// `()` stands for no columns of your own.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say which columns an account has",
    label = "not a `StripeUser`",
    note = "put `#[derive(StripeUser)]` on `{Self}`"
)]
pub trait StripeUser: Sized + 'static {
    /// What the schema lock calls the type.
    #[doc(hidden)]
    const NAME: &'static str = "";
    /// The columns, in the order of [`StripeUser::read`].
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

impl StripeUser for () {
    const COLUMNS: &'static [ColumnDef] = &[];

    fn read(_row: &mut ColumnReader<'_>) -> Result<Self, ColumnError> {
        Ok(())
    }

    fn write(&self, _row: &mut ColumnWriter) {}
}
