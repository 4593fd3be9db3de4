use std::ops::Deref;

use crate::schema::column::{default_value, is_same};
use crate::schema::{Columns, StripeTable, StripeUser};
use crate::sql::Value;

/// An application's own tables.
pub type Tables = &'static [stripeflare_schema::Schema];

/// What an application declares, without its types: the columns of a user, and its own tables.
#[derive(Clone, Copy, Debug)]
pub struct Schema {
    users: stripeflare_schema::Schema,
    pub tables: Tables,
}

impl Deref for Schema {
    type Target = stripeflare_schema::Schema;
    fn deref(&self) -> &Self::Target {
        &self.users
    }
}

impl Schema {
    pub const fn of<U: StripeUser>() -> Self {
        Self { users: declared::<U>(stripeflare_schema::USERS), tables: &[] }
    }

    #[must_use]
    pub const fn with(self, tables: Tables) -> Self {
        Self { tables, ..self }
    }

    /// Of one of the application's own tables.
    pub const fn table<T: StripeTable>() -> stripeflare_schema::Schema {
        declared::<T>(T::NAME)
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

const fn declared<C: Columns>(table: &'static str) -> stripeflare_schema::Schema {
    let (columns, dropped, indexes, steps) = (C::COLUMNS, C::DROPPED, C::INDEXES, C::STEPS);
    stripeflare_schema::Schema { table, columns, dropped, indexes, steps }
}

/// The length of what [`dump_of`] makes.
#[must_use]
pub const fn dump_length_of<U: StripeUser>(tables: Tables) -> usize {
    stripeflare_schema::dump_length(U::NAME, &Schema::of::<U>().users, tables)
}

/// What an application declares, for the tool to read in the compiled worker.
#[must_use]
pub const fn dump_of<U: StripeUser, const N: usize>(tables: Tables) -> [u8; N] {
    stripeflare_schema::dump(U::NAME, &Schema::of::<U>().users, tables)
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

/// Holds the list of an application's tables against one that the schema lock records.
///
/// # Panics
/// With the message, when it is not there.
pub const fn check_recorded_table(tables: Tables, name: &str, message: &'static str) {
    if !lists(tables, 0, name) {
        panic!("{}", message);
    }
}

/// Checks that no two tables have one name.
///
/// # Panics
/// When two do.
pub const fn check_tables(tables: Tables) {
    let mut at = 0;
    while at < tables.len() {
        assert!(
            !lists(tables, at + 1, tables[at].table),
            "two of these tables have one name: give one another by `#[stripe_table(name = \"…\")]`"
        );
        at += 1;
    }
}

const fn lists(tables: Tables, from: usize, name: &str) -> bool {
    let mut at = from;
    while at < tables.len() {
        if is_same(tables[at].table.as_bytes(), name.as_bytes()) {
            return true;
        }
        at += 1;
    }
    false
}

#[cfg(test)]
impl From<stripeflare_schema::Schema> for Schema {
    fn from(users: stripeflare_schema::Schema) -> Self {
        Self { users, tables: &[] }
    }
}
