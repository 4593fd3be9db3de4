//! The owner's columns: what `#[derive(StripeUser)]` declares, and the SQL that brings any database up to it.

mod column;
mod migrations;

pub use column::{
    Column, ColumnDef, ColumnError, ColumnReader, ColumnType, ColumnWriter, DefaultValue, Dropped, IndexDef, Step,
};
pub(crate) use migrations::{Schema, migrate, remember, remembered, role_of};

/// A row of your own columns beside the wallet's, usually through `#[derive(StripeUser)]`.
///
/// `()` stands for no columns of your own.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say which columns an account has",
    label = "not a `StripeUser`",
    note = "put `#[derive(StripeUser)]` on `{Self}`"
)]
pub trait StripeUser: Sized + 'static {
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
