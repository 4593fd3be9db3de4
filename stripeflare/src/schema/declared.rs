use std::ops::Deref;

use super::StripeUser;
use super::column::default_value;
use crate::wallet::Value;

/// What a user type declares, without the type.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Schema(stripeflare_schema::Schema);

impl Deref for Schema {
    type Target = stripeflare_schema::Schema;
    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl Schema {
    pub(crate) const fn of<U: StripeUser>() -> Self {
        Self(stripeflare_schema::Schema {
            columns: U::COLUMNS,
            dropped: U::DROPPED,
            indexes: U::INDEXES,
            steps: U::STEPS,
        })
    }

    /// A row that has never been written, in the order of the columns.
    pub(crate) fn initial_row(&self) -> Vec<Value> {
        self.columns.iter().map(|column| default_value(column.initial())).collect()
    }

    /// The names of the columns, quoted.
    pub(crate) fn quoted_names(&self) -> impl Iterator<Item = String> {
        self.columns.iter().map(|column| stripeflare_schema::quoted(column.name))
    }

    /// `, "tier", "nickname"`: the columns as they follow the wallet's in a select.
    pub(crate) fn select_list(&self) -> String {
        self.quoted_names().map(|name| format!(", {name}")).collect()
    }
}

#[cfg(test)]
impl From<stripeflare_schema::Schema> for Schema {
    fn from(schema: stripeflare_schema::Schema) -> Self {
        Self(schema)
    }
}
