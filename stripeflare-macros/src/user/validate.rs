//! What a user's columns must keep to, so that every version of the table can be made from the one before.

use std::collections::{BTreeMap, HashMap};

use proc_macro2::Span;
use syn::ext::IdentExt;
use syn::spanned::Spanned;

use stripeflare_schema::RESERVED_NAMES;

use super::default::{self, last_segment, option_content};
use super::model::{Column, User, Version};
use crate::errors::Errors;

/// The runtime binds 100 parameters to a statement, and writing a row takes some for the wallet's own columns.
const MAX_COLUMNS: usize = 80;

pub(super) fn validate(user: &User<'_>, errors: &mut Errors) {
    if let Some(parameter) = user.input.generics.params.first() {
        errors.push(parameter.span(), "a `StripeUser` cannot be generic: its columns are those of one table");
    } else if let Some(clause) = &user.input.generics.where_clause {
        errors.push(clause.where_token.span(), "a `StripeUser` cannot have a `where` clause");
    }
    if let Some(column) = user.columns.get(MAX_COLUMNS) {
        errors.push(
            column.field.span(),
            format!(
                "a user has at most {MAX_COLUMNS} columns; keep what belongs together in one with `#[column(json)]`"
            ),
        );
    }
    names(user, errors);
    for column in &user.columns {
        default::check(column, errors);
        check_column(column, errors);
    }
    check_history(user, errors);
    check_versions(user, errors);
}

/// Each column has a name of its own, whatever the case, and none of the wallet's.
fn names(user: &User<'_>, errors: &mut Errors) {
    let mut seen = HashMap::new();
    for column in &user.columns {
        let folded = column.name.to_lowercase();
        if let Some(message) = reserved(&folded, &column.name) {
            errors.push(column.field.span(), message);
        }
        if let Some(first) = seen.insert(folded, &column.name) {
            let message =
                format!("`{}` and `{first}` are one column: SQLite's names have no upper and lower case", column.name);
            errors.push(column.field.span(), message);
        }
    }
}

fn reserved(folded: &str, name: &str) -> Option<String> {
    if RESERVED_NAMES.contains(&folded) {
        return Some(format!("`{name}` is a column of the wallet, which every account has; choose another name"));
    }
    if folded.starts_with("sqlite_") {
        return Some("names starting with `sqlite_` belong to SQLite; choose another one".to_owned());
    }
    if folded.starts_with("__") {
        return Some("names starting with `__` are kept for stripeflare; choose another one".to_owned());
    }
    None
}

fn check_column(column: &Column<'_>, errors: &mut Errors) {
    let name = &column.name;
    if let (Some(span), Some(_)) = (column.unique, &column.default) {
        errors.push(
            span,
            format!("`{name}` has one default for every row, so it cannot be `unique`; leave one of them out"),
        );
    } else if let Some(span) = column.unique
        && (column.json || option_content(column.ty).is_none())
    {
        errors.push(
            span,
            match column.json {
                true => format!("`{name}` is JSON, which has many spellings for one value, so it cannot be `unique`"),
                false => {
                    format!("new rows have no `{name}` yet, and all the same one: make a `unique` column an `Option`")
                }
            },
        );
    }
    check_type(column, errors);
    if let Some(since) = column.since.filter(|since| since.number > 1)
        && column.default.is_none()
        && column.renamed_from.is_none()
        && option_content(column.ty).is_none()
    {
        errors.push(
            since.span,
            format!(
                "rows of version {} have no `{name}` yet: give it a `default = …`, or make it an `Option`",
                since.number - 1
            ),
        );
    }
    if column.json
        && column.since.is_none_or(|since| since.number == 1)
        && column.default.is_none()
        && option_content(column.ty).is_none()
    {
        errors.push(
            column.field.span(),
            format!("a new row has no `{name}` yet: give it JSON as a `default = …`, or make it an `Option`"),
        );
    }
    if let Some(old) = &column.renamed_from {
        let folded = old.value().to_lowercase();
        if let Some(message) = identifier(&old.value()) {
            errors.push(old.span(), message);
        } else if folded == name.to_lowercase() {
            errors.push(old.span(), format!("`{name}` has this name already"));
        } else if let Some(message) = reserved(&folded, &old.value()) {
            errors.push(old.span(), message);
        } else if first_version(column) == 1 {
            let message = format!("say which version renamed `{}`: write `since = 2` or later beside it", old.value());
            errors.push(old.span(), message);
        }
    }
}

/// Types of the standard library that look like columns and are none.
fn check_type(column: &Column<'_>, errors: &mut Errors) {
    let ty = option_content(column.ty).unwrap_or(column.ty);
    let spelled = last_segment(ty).unwrap_or_default();
    let instead = match spelled.as_str() {
        _ if column.json => return,
        "u64" | "usize" | "isize" | "i128" | "u128" => {
            "whole numbers are stored up to 2^53 - 1, with a sign: write `i64`, or `u32`"
        }
        "f32" => "numbers are stored with 64 bits: write `f64`",
        "SystemTime" | "Instant" | "DateTime" | "OffsetDateTime" | "NaiveDateTime" => {
            "moments are stored as milliseconds since 1970: write `stripeflare::Timestamp`"
        }
        "str" => "write `String`",
        _ => return,
    };
    errors.push(ty.span(), format!("`{spelled}` cannot be a column: {instead}"));
}

/// Dropped columns, indexes and renames against the columns that there are.
fn check_history(user: &User<'_>, errors: &mut Errors) {
    let find = |name: &str| user.columns.iter().find(|column| column.name.eq_ignore_ascii_case(name));
    for column in &user.columns {
        if let Some(old) = &column.renamed_from
            && !old.value().eq_ignore_ascii_case(&column.name)
            && find(&old.value()).is_some()
        {
            errors.push(old.span(), format!("`{}` is still a field of this struct", old.value()));
        }
    }
    let mut gone = HashMap::new();
    for old in user.columns.iter().filter_map(|column| column.renamed_from.as_ref()) {
        if gone.insert(old.value().to_lowercase(), ()).is_some() {
            errors.push(old.span(), format!("`{}` was renamed to another column of this struct already", old.value()));
        }
    }
    for dropped in &user.dropped {
        let name = dropped.name.value();
        if let Some(message) = identifier(&name) {
            errors.push(dropped.name.span(), message);
        } else if find(&name).is_some() {
            let message = format!("`{name}` is still a field of this struct; remove one of them");
            errors.push(dropped.name.span(), message);
        } else if let Some(message) = reserved(&name.to_lowercase(), &name) {
            errors.push(dropped.name.span(), message);
        }
        if gone.insert(name.to_lowercase(), ()).is_some() {
            errors.push(dropped.name.span(), format!("`{name}` is dropped or renamed already"));
        }
        if dropped.since.number == 1 {
            errors.push(dropped.since.span, "a column can be dropped from version 2 on");
        }
    }
    for index in &user.indexes {
        let mut listed = Vec::new();
        for ident in &index.columns {
            let name = ident.unraw().to_string();
            let column = find(&name);
            match column {
                None => {
                    let message = format!("there is no column `{name}` in this struct");
                    errors.push(ident.span(), message);
                }
                Some(column) if first_version(column) > index.since.number && column.renamed_from.is_none() => {
                    let message = format!(
                        "`{name}` is there since version {} only, this index since version {}",
                        first_version(column),
                        index.since.number
                    );
                    errors.push(ident.span(), message);
                }
                Some(_) if listed.contains(&name) => {
                    errors.push(ident.span(), format!("`{name}` is in this index twice"));
                }
                Some(_) => {}
            }
            listed.push(name);
        }
    }
}

pub(super) fn first_version(column: &Column<'_>) -> u32 {
    column.since.map_or(1, |since| since.number)
}

/// Versions count up without gaps, and each has one migration at most.
fn check_versions(user: &User<'_>, errors: &mut Errors) {
    let mut steps = BTreeMap::<u32, Span>::new();
    for step in &user.steps {
        if steps.insert(step.version.number, step.version.span).is_some() {
            let message = format!("version {} has a migration already", step.version.number);
            errors.push(step.version.span, message);
        }
    }
    let columns = user.columns.iter().filter_map(|column| column.since);
    let dropped = user.dropped.iter().map(|dropped| dropped.since);
    let indexes = user.indexes.iter().map(|index| index.since);
    let migrations = user.steps.iter().map(|step| step.version);
    let mut first = BTreeMap::<u32, Version>::new();
    for version in columns.chain(dropped).chain(indexes).chain(migrations) {
        first.entry(version.number).or_insert(version);
    }
    let mut before = 1;
    for version in first.values().filter(|version| version.number > 1) {
        if version.number > before + 1 {
            let message = format!(
                "version {} follows version {before} here: versions count up without gaps, so write {}",
                version.number,
                before + 1
            );
            errors.push(version.span, message);
        }
        before = version.number;
    }
}

/// Names in strings are written like fields.
fn identifier(name: &str) -> Option<String> {
    match syn::parse_str::<proc_macro2::Ident>(name) {
        Ok(_) => None,
        Err(_) if syn::parse_str::<proc_macro2::Ident>(&format!("r#{name}")).is_ok() => None,
        Err(_) => Some(format!("{name:?} cannot be the name of a column")),
    }
}
