use std::ops::Deref;

use crate::schema::StripeUser;
use crate::schema::column::{default_value, is_same};
use crate::sql::Value;

/// What a user type declares, without the type.
#[derive(Clone, Copy, Debug)]
pub struct Schema(stripeflare_schema::Schema);

impl Deref for Schema {
    type Target = stripeflare_schema::Schema;
    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl Schema {
    pub const fn of<U: StripeUser>() -> Self {
        Self(stripeflare_schema::Schema {
            columns: U::COLUMNS,
            dropped: U::DROPPED,
            indexes: U::INDEXES,
            steps: U::STEPS,
        })
    }

    /// A row that has never been written, in the order of the columns.
    pub fn initial_row(&self) -> Vec<Value> {
        self.columns.iter().map(|column| default_value(column.initial())).collect()
    }

    /// The names of the columns, quoted.
    pub fn quoted_names(&self) -> impl Iterator<Item = String> {
        self.columns.iter().map(|column| stripeflare_schema::quoted(column.name))
    }

    /// `, "tier", "nickname"`: the columns as they follow the wallet's in a select.
    pub fn select_list(&self) -> String {
        self.quoted_names().map(|name| format!(", {name}")).collect()
    }
}

/// The length of what [`dump_of`] makes.
#[must_use]
pub const fn dump_length_of<U: StripeUser>() -> usize {
    stripeflare_schema::dump_length(U::NAME, &Schema::of::<U>().0)
}

/// What a user type declares, for the tool to read in the compiled worker.
#[must_use]
pub const fn dump_of<U: StripeUser, const N: usize>() -> [u8; N] {
    stripeflare_schema::dump(U::NAME, &Schema::of::<U>().0)
}

/// Holds the application's user type against the name that the schema lock records.
///
/// # Panics
/// When it is another.
pub const fn check_recorded_user<U: StripeUser>(name: &str) {
    assert!(
        is_same(U::NAME.as_bytes(), name.as_bytes()),
        "stripeflare.schema.json records the columns of another struct: if it was renamed, change `user` there"
    );
}

#[cfg(test)]
impl From<stripeflare_schema::Schema> for Schema {
    fn from(schema: stripeflare_schema::Schema) -> Self {
        Self(schema)
    }
}
