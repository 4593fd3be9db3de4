//! Columns, and the history of their table.

use proc_macro2::{Ident, Span};
use syn::{DeriveInput, LitInt, LitStr, Type, Visibility};

use super::default::Default;
use crate::paths::Private;

/// What a struct is of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The wallet's table `users`, to which it adds columns.
    User,
    /// A table of its own.
    Table,
}

impl Kind {
    pub(super) fn derive(self) -> &'static str {
        match self {
            Self::User => "StripeUser",
            Self::Table => "StripeTable",
        }
    }

    /// What goes on the struct.
    pub(super) fn attribute(self) -> &'static str {
        match self {
            Self::User => "stripe_user",
            Self::Table => "stripe_table",
        }
    }
}

pub(super) struct Table<'a> {
    pub(super) private: Private,
    pub(super) kind: Kind,
    /// `name = "note"`.
    pub(super) named: Option<LitStr>,
    /// As SQL knows it.
    pub(super) name: String,
    pub(super) input: &'a DeriveInput,
    pub(super) columns: Vec<Column<'a>>,
    pub(super) dropped: Vec<Dropped>,
    pub(super) indexes: Vec<Index>,
    pub(super) steps: Vec<Step>,
}

/// A field.
pub(super) struct Column<'a> {
    pub(super) field: &'a Ident,
    /// The field's name without `r#`.
    pub(super) name: String,
    pub(super) ty: &'a Type,
    pub(super) visibility: &'a Visibility,
    pub(super) default: Option<(Span, Default)>,
    pub(super) since: Option<Version>,
    pub(super) renamed_from: Option<LitStr>,
    pub(super) unique: Option<Span>,
    pub(super) index: bool,
    pub(super) public: bool,
    pub(super) json: bool,
    pub(super) key: Option<Span>,
}

/// `dropped(name = "legacy", since = 3)`.
pub(super) struct Dropped {
    pub(super) name: LitStr,
    pub(super) since: Version,
}

/// `index(columns = [tier, created_at], since = 2)`.
pub(super) struct Index {
    pub(super) columns: Vec<Ident>,
    pub(super) since: Version,
}

/// `migration(version = 4, sql = "…")`.
pub(super) struct Step {
    pub(super) version: Version,
    pub(super) sql: LitStr,
}

/// A version of the table, counted from 1.
#[derive(Clone, Copy)]
pub(super) struct Version {
    pub(super) number: u32,
    pub(super) span: Span,
}

impl Version {
    /// The version written, or an error: it counts from 1.
    pub(super) fn new(literal: &LitInt, errors: &mut crate::errors::Errors) -> Option<Self> {
        match literal.base10_parse::<u32>() {
            Ok(number @ 1..) => Some(Self { number, span: literal.span() }),
            _ => {
                errors.push(literal.span(), "versions count from 1, the first one");
                None
            }
        }
    }
}
