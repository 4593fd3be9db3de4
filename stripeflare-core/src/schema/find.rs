//! What to find users by: typed columns, filters over them, and an order.

use std::fmt;
use std::marker::PhantomData;

use serde::{Deserialize, Serialize};
use stripeflare_schema::quoted;

use crate::identity::AccountId;
use crate::schema::column::Column;
use crate::sql::Value;

/// A column to find users by: `User::tier` of your own struct, or `Users::balance` of the wallet.
///
/// `U` is the type of your columns, `T` this column's.
pub struct Field<U, T> {
    name: &'static str,
    types: PhantomData<fn() -> (U, T)>,
}

impl<U, T> Clone for Field<U, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<U, T> Copy for Field<U, T> {}

impl<U, T> fmt::Debug for Field<U, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Field").field(&self.name).finish()
    }
}

/// What a column of type `T` is compared with: a `T`, a `&str` for a text, and the value inside for an `Option`.
#[diagnostic::on_unimplemented(
    message = "a column of type `{T}` cannot be compared with `{Self}`",
    label = "no value of such a column"
)]
pub trait Operand<T> {
    /// The value as SQLite stores it.
    #[doc(hidden)]
    fn into_operand(self) -> Value;
}

impl<T: Column> Operand<T> for T {
    fn into_operand(self) -> Value {
        self.to_value()
    }
}

impl<T: Column> Operand<Option<T>> for T {
    fn into_operand(self) -> Value {
        self.to_value()
    }
}

impl Operand<String> for &str {
    fn into_operand(self) -> Value {
        self.into()
    }
}

impl Operand<Option<String>> for &str {
    fn into_operand(self) -> Value {
        self.into()
    }
}

impl Operand<AccountId> for &AccountId {
    fn into_operand(self) -> Value {
        self.as_str().into()
    }
}

impl<U, T> Field<U, T> {
    #[doc(hidden)]
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self { name, types: PhantomData }
    }

    fn compare(self, operator: &str, value: impl Operand<T>) -> Filter<U> {
        Filter::new(format!("{} {operator} ?", quoted(self.name)), vec![value.into_operand()])
    }

    /// Equal; a `None` equals a `None`.
    pub fn eq(self, value: impl Operand<T>) -> Filter<U> {
        self.compare("IS", value)
    }

    /// Not equal.
    pub fn ne(self, value: impl Operand<T>) -> Filter<U> {
        self.compare("IS NOT", value)
    }

    /// Less; no `None` is less than anything.
    pub fn lt(self, value: impl Operand<T>) -> Filter<U> {
        self.compare("<", value)
    }

    /// Less or equal.
    pub fn le(self, value: impl Operand<T>) -> Filter<U> {
        self.compare("<=", value)
    }

    /// Greater.
    pub fn gt(self, value: impl Operand<T>) -> Filter<U> {
        self.compare(">", value)
    }

    /// Greater or equal.
    pub fn ge(self, value: impl Operand<T>) -> Filter<U> {
        self.compare(">=", value)
    }

    /// One of several; nothing is one of none.
    pub fn one_of<V: Operand<T>>(self, values: impl IntoIterator<Item = V>) -> Filter<U> {
        let values: Vec<Value> = values.into_iter().map(V::into_operand).collect();
        Filter::new(format!("{} IN ({})", quoted(self.name), vec!["?"; values.len()].join(", ")), values)
    }

    /// From the smallest to the largest, `None` first.
    #[must_use]
    pub fn asc(self) -> Order<U> {
        Order { by: OrderBy { column: self.name.to_owned(), descending: false }, user: PhantomData }
    }

    /// From the largest to the smallest, `None` last.
    #[must_use]
    pub fn desc(self) -> Order<U> {
        Order { by: OrderBy { column: self.name.to_owned(), descending: true }, user: PhantomData }
    }
}

impl<U, T> Field<U, Option<T>> {
    /// `None`.
    pub fn is_none(self) -> Filter<U> {
        Filter::new(format!("{} IS NULL", quoted(self.name)), Vec::new())
    }

    /// Anything but `None`.
    pub fn is_some(self) -> Filter<U> {
        Filter::new(format!("{} IS NOT NULL", quoted(self.name)), Vec::new())
    }
}

/// Which users to find, by columns of theirs.
#[must_use = "a filter finds nothing by itself"]
pub struct Filter<U> {
    pub condition: String,
    pub values: Vec<Value>,
    user: PhantomData<fn() -> U>,
}

impl<U> Filter<U> {
    pub fn new(condition: String, values: Vec<Value>) -> Self {
        Self { condition, values, user: PhantomData }
    }

    fn join(mut self, operator: &str, other: Self) -> Self {
        self.values.extend(other.values);
        Self::new(format!("({} {operator} {})", self.condition, other.condition), self.values)
    }

    /// Both.
    pub fn and(self, other: Self) -> Self {
        self.join("AND", other)
    }

    /// One of them or both.
    pub fn or(self, other: Self) -> Self {
        self.join("OR", other)
    }
}

impl<U> std::ops::Not for Filter<U> {
    type Output = Self;

    /// All others: also those whose column is `None`, which is neither less nor greater.
    fn not(self) -> Self {
        Self::new(format!("({}) IS NOT TRUE", self.condition), self.values)
    }
}

impl<U> fmt::Debug for Filter<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Filter").field(&self.condition).finish()
    }
}

/// A column to order by, and which way.
pub struct Order<U> {
    pub by: OrderBy,
    user: PhantomData<fn() -> U>,
}

impl<U> fmt::Debug for Order<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.by.fmt(f)
    }
}

/// An order without the user's type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderBy {
    pub column: String,
    pub descending: bool,
}
