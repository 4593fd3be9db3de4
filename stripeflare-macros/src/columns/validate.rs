//! What columns must keep to, so that every version of the table can be made from the one before.

use std::collections::{BTreeMap, HashMap};

use proc_macro2::Span;
use syn::ext::IdentExt;
use syn::spanned::Spanned;

use stripeflare_schema::{RESERVED_NAMES, RESERVED_PREFIX, RESERVED_TABLES};

use super::default::{self, last_segment, option_content};
use super::model::{Column, Kind, Table, Version};
use crate::errors::Errors;

/// The runtime binds 100 parameters to a statement, and writing a row takes some for the wallet's own columns.
const MAX_COLUMNS: usize = 80;

pub(super) fn validate(table: &Table<'_>, errors: &mut Errors) {
    if let Some(parameter) = table.input.generics.params.first() {
        let message = format!("a `{}` cannot be generic: its columns are those of one table", table.kind.derive());
        errors.push(parameter.span(), message);
    } else if let Some(clause) = &table.input.generics.where_clause {
        errors.push(clause.where_token.span(), format!("a `{}` cannot have a `where` clause", table.kind.derive()));
    }
    if let Some(column) = table.columns.get(MAX_COLUMNS) {
        errors.push(
            column.field.span(),
            format!(
                "a {} has at most {MAX_COLUMNS} columns; keep what belongs together in one with `#[column(json)]`",
                if table.kind == Kind::User { "user" } else { "table" },
            ),
        );
    }
    names(table, errors);
    if table.kind == Kind::Table {
        table_name(table, errors);
        key(table, errors);
    }
    for column in &table.columns {
        default::check(column, errors);
        check_column(table.kind, column, errors);
    }
    check_history(table, errors);
    check_versions(table, errors);
}

/// A table has a name of its own beside the wallet's.
fn table_name(table: &Table<'_>, errors: &mut Errors) {
    let (name, folded) = (&table.name, table.name.to_lowercase());
    let span = table.named.as_ref().map_or_else(|| table.input.ident.span(), syn::LitStr::span);
    let own = "give this one another by `#[stripe_table(name = \"…\")]`";
    if let Some(message) = identifier(name) {
        errors.push(span, message.replace("of a column", "of a table"));
    } else if RESERVED_TABLES.contains(&folded.as_str()) {
        errors.push(span, format!("`{name}` is a table of the wallet, which every account has; {own}"));
    } else if let Some(prefix) =
        [RESERVED_PREFIX, "sqlite_", "_cf_", "pragma_"].iter().find(|it| folded.starts_with(**it))
    {
        errors.push(span, format!("names of tables that begin with `{prefix}` are kept for others; {own}"));
    }
}

/// A table has one column that finds a row.
fn key(table: &Table<'_>, errors: &mut Errors) {
    let mut keys = table.columns.iter().filter_map(|column| Some((column, column.key?)));
    let Some((key, span)) = keys.next() else {
        let message = "a table needs a key: write `#[column(key)]` on one field, an `i64` that SQLite gives or a `String` of \
                       yours, as in `#[column(key)] id: i64`";
        return errors.push(table.input.ident.span(), message);
    };
    for (_, another) in keys {
        errors.push(another, format!("`{}` is the key already: a table has one", key.name));
    }
    let beside = [
        ("default", key.default.is_some()),
        ("index", key.index),
        ("json", key.json),
        ("renamed_from", key.renamed_from.is_some()),
        ("since", key.since.is_some()),
    ];
    if let Some((what, _)) = beside.iter().find(|(_, written)| *written) {
        errors.push(span, format!("the key finds each row from version 1 on: leave `{what}` out"));
    }
    if option_content(key.ty).is_some() {
        errors.push(
            key.ty.span(),
            "every row has its key: write `i64` or `String`, and insert 0 where SQLite is to give it",
        );
    }
}

/// Each column has a name of its own, whatever the case, and none of the wallet's.
fn names(table: &Table<'_>, errors: &mut Errors) {
    let mut seen = HashMap::new();
    for column in &table.columns {
        let folded = column.name.to_lowercase();
        if let Some(message) = reserved(table.kind, &folded, &column.name) {
            errors.push(column.field.span(), message);
        }
        if let Some(first) = seen.insert(folded, &column.name) {
            let message =
                format!("`{}` and `{first}` are one column: SQLite's names have no upper and lower case", column.name);
            errors.push(column.field.span(), message);
        }
    }
}

fn reserved(kind: Kind, folded: &str, name: &str) -> Option<String> {
    if kind == Kind::Table && ["rowid", "oid", "_rowid_"].contains(&folded) {
        return Some(format!("`{name}` is SQLite's own name for a row's number; choose another name"));
    }
    if kind == Kind::User && RESERVED_NAMES.contains(&folded) {
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

fn check_column(kind: Kind, column: &Column<'_>, errors: &mut Errors) {
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
        } else if let Some(message) = reserved(kind, &folded, &old.value()) {
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
fn check_history(table: &Table<'_>, errors: &mut Errors) {
    let find = |name: &str| table.columns.iter().find(|column| column.name.eq_ignore_ascii_case(name));
    for column in &table.columns {
        if let Some(old) = &column.renamed_from
            && !old.value().eq_ignore_ascii_case(&column.name)
            && find(&old.value()).is_some()
        {
            errors.push(old.span(), format!("`{}` is still a field of this struct", old.value()));
        }
    }
    let mut gone = HashMap::new();
    for old in table.columns.iter().filter_map(|column| column.renamed_from.as_ref()) {
        if gone.insert(old.value().to_lowercase(), ()).is_some() {
            errors.push(old.span(), format!("`{}` was renamed to another column of this struct already", old.value()));
        }
    }
    for dropped in &table.dropped {
        let name = dropped.name.value();
        if let Some(message) = identifier(&name) {
            errors.push(dropped.name.span(), message);
        } else if find(&name).is_some() {
            let message = format!("`{name}` is still a field of this struct; remove one of them");
            errors.push(dropped.name.span(), message);
        } else if let Some(message) = reserved(table.kind, &name.to_lowercase(), &name) {
            errors.push(dropped.name.span(), message);
        }
        if gone.insert(name.to_lowercase(), ()).is_some() {
            errors.push(dropped.name.span(), format!("`{name}` is dropped or renamed already"));
        }
        if dropped.since.number == 1 {
            errors.push(dropped.since.span, "a column can be dropped from version 2 on");
        }
    }
    for index in &table.indexes {
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
fn check_versions(table: &Table<'_>, errors: &mut Errors) {
    let mut steps = BTreeMap::<u32, Span>::new();
    for step in &table.steps {
        if steps.insert(step.version.number, step.version.span).is_some() {
            let message = format!("version {} has a migration already", step.version.number);
            errors.push(step.version.span, message);
        }
    }
    let columns = table.columns.iter().filter_map(|column| column.since);
    let dropped = table.dropped.iter().map(|dropped| dropped.since);
    let indexes = table.indexes.iter().map(|index| index.since);
    let migrations = table.steps.iter().map(|step| step.version);
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
