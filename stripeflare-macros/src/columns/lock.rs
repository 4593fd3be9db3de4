//! Holds a struct against `stripeflare.schema.json`: databases have run the versions recorded there, so no change of the
//! struct may make them others.

use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::Span;
use stripeflare_schema::lock::{self, FILE, History, Lock};
use syn::ext::IdentExt;

use super::model::{Column, Kind, Table};
use super::validate::first_version;
use crate::errors::Errors;

/// The file beside a worker's `Cargo.toml`.
pub(crate) struct Found {
    pub(crate) path: PathBuf,
    pub(crate) lock: Result<Lock, String>,
}

/// `None` before anything was recorded.
pub(crate) fn find(directory: &Path) -> Option<Found> {
    let path = directory.join(FILE);
    let text = fs::read_to_string(&path).ok()?;
    Some(Found { path, lock: Lock::parse(&text) })
}

/// The recorded column that a field is, if it is one, and the version that it was recorded with.
pub(super) fn recorded<'a>(history: &'a History, column: &Column<'_>) -> Option<(u32, &'a lock::Column)> {
    let names = [Some(column.name.clone()), column.renamed_from.as_ref().map(syn::LitStr::value)];
    let version = |version: &'a lock::Version| version.columns.iter().map(move |column| (version.version, column));
    // The newest one is what the table has.
    history
        .0
        .iter()
        .rev()
        .flat_map(version)
        .find(|(_, recorded)| names.iter().flatten().any(|name| *name == recorded.name))
}

pub(super) fn check(table: &Table<'_>, history: &History, errors: &mut Errors) {
    let check = Check { table, history, next: history.last() + 1, here: table.input.ident.span() };
    for version in &history.0 {
        for recorded in &version.columns {
            check.column(version.version, recorded, errors);
        }
        check.rest(version, errors);
    }
    check.additions(errors);
}

struct Check<'a> {
    table: &'a Table<'a>,
    history: &'a History,
    /// The first version that may still be written.
    next: u32,
    /// Where what is missing is reported.
    here: Span,
}

impl Check<'_> {
    /// A column that a version added or renamed is still there, or went in a later one.
    fn column(&self, version: u32, recorded: &lock::Column, errors: &mut Errors) {
        let (name, next) = (&recorded.name, self.next);
        let field = self.table.columns.iter().find(|column| column.name == *name);
        if let Some(field) = field
            && self.renamed_later(name, version).is_none()
        {
            if first_version(field) == version {
                compare(self.table, field, version, recorded, next, errors);
            } else if first_version(field) < next {
                let message = format!(
                    "version {version} added `{name}`, as {FILE} records: write {}",
                    if version == 1 { "no `since`".to_owned() } else { format!("`since = {version}`") }
                );
                errors.push(since_span(field), message);
            } else {
                let message =
                    format!("version {version} added `{name}` already, as {FILE} records: write `since = {version}`");
                errors.push(since_span(field), message);
            }
            return;
        }
        if let Some(field) = self.renamed_later(name, version) {
            if let Some(before) = &recorded.renamed_from {
                let message = format!(
                    "`{name}` was called `{before}` before version {version}, and a column is renamed once: rows of version 1 \
                     would lose it. Keep the name, or add a column and copy in a `migration(version = {next}, sql = \"…\")`"
                );
                errors.push(renamed_span(field), message);
            } else if default_sql(field) != recorded.default {
                let message = format!(
                    "a column keeps its default when it is renamed: {FILE} records {} for `{name}`",
                    shown(recorded.default.as_deref())
                );
                errors.push(default_span(field), message);
            }
            return;
        }
        let gone =
            self.table.dropped.iter().find(|dropped| dropped.name.value() == *name && dropped.since.number > version);
        if let (Some(gone), Some(before)) = (gone, &recorded.renamed_from)
            && gone.since.number >= next
        {
            let message = format!(
                "`{name}` was called `{before}` before version {version}, and rows of version 1 would keep it under that name: \
                 keep the field"
            );
            errors.push(gone.since.span, message);
            return;
        }
        let renamed = self.history.0.iter().flat_map(|version| &version.columns);
        let mut renamed = renamed.filter_map(|column| column.renamed_from.as_deref());
        if gone.is_none() && !renamed.any(|old| old == name) {
            errors.push(
                self.here,
                format!(
                    "version {version} added `{name}`, as {FILE} records, and it is gone: keep the field, or write \
                     `#[{}(dropped(name = \"{name}\", since = {next}))]`",
                    self.table.kind.attribute(),
                ),
            );
        }
    }

    fn renamed_later(&self, name: &str, version: u32) -> Option<&Column<'_>> {
        self.table.columns.iter().find(|column| {
            column.renamed_from.as_ref().is_some_and(|old| old.value() == name) && first_version(column) > version
        })
    }

    /// What else a version did is still written, too.
    fn rest(&self, version: &lock::Version, errors: &mut Errors) {
        let number = version.version;
        let mut missing = |what: String| {
            let message = format!("version {number} is recorded in {FILE} with `{what}`: write it again");
            errors.push(self.here, message);
        };
        for name in &version.dropped {
            let mut dropped = self.table.dropped.iter();
            if !dropped.any(|dropped| dropped.name.value() == *name && dropped.since.number == number) {
                missing(format!("dropped(name = \"{name}\", since = {number})"));
            }
        }
        for columns in &version.indexes {
            let written = self.table.indexes.iter().any(|index| {
                index.since.number == number && columns.iter().map(|name| self.today(name)).eq(names(index).map(Some))
            });
            // With a column of it, the index went, too.
            if !written && columns.iter().all(|name| self.today(name).is_some()) {
                missing(format!("index(columns = [{}], since = {number})", columns.join(", ")));
            }
        }
        let step = self.table.steps.iter().find(|step| step.version.number == number);
        match (&version.migration, step) {
            (None, None) => {}
            (Some(sql), Some(step)) if step.sql.value() == *sql => {}
            (Some(sql), None) => missing(format!("migration(version = {number}, sql = {sql:?})")),
            (recorded, Some(step)) => {
                let kept = match recorded {
                    Some(sql) => format!("keep {sql:?} here"),
                    None => "it has none".to_owned(),
                };
                let message = format!(
                    "version {number} is recorded in {FILE} with another migration: {kept}, and write what is new as \
                     `migration(version = {}, sql = \"…\")`",
                    self.next
                );
                errors.push(step.sql.span(), message);
            }
        }
    }

    /// What a recorded column is called now, if it is still there.
    fn today(&self, name: &str) -> Option<String> {
        let is = |column: &&Column<'_>| {
            column.name == name || column.renamed_from.as_ref().is_some_and(|old| old.value() == name)
        };
        self.table.columns.iter().find(is).map(|column| column.name.clone())
    }

    /// Nothing was added to a recorded version.
    fn additions(&self, errors: &mut Errors) {
        let next = self.next;
        let mut refuse = |span: Span, version: u32, what: String, instead: String| {
            let message = format!("version {version} is recorded in {FILE} without {what}: write `{instead}`");
            errors.push(span, message);
        };
        for column in &self.table.columns {
            let since = first_version(column);
            let known = self.history.0.iter().flat_map(|version| &version.columns);
            let is_known = known.into_iter().any(|recorded| recorded.name == column.name);
            if since < next && !is_known {
                refuse(since_span(column), since, format!("`{}`", column.name), format!("since = {next}"));
            }
        }
        for dropped in &self.table.dropped {
            let (name, since) = (dropped.name.value(), dropped.since.number);
            if self.history.version(since).is_some_and(|version| !version.dropped.contains(&name)) {
                refuse(dropped.since.span, since, format!("dropping `{name}`"), format!("since = {next}"));
            }
        }
        for index in &self.table.indexes {
            let since = index.since.number;
            let is_known = |version: &lock::Version| {
                let mut indexes = version.indexes.iter();
                indexes.any(|columns| columns.iter().map(|name| self.today(name)).eq(names(index).map(Some)))
            };
            if self.history.version(since).is_some_and(|version| !is_known(version)) {
                refuse(index.since.span, since, "this index".into(), format!("since = {next}"));
            }
        }
    }
}

fn names(index: &super::model::Index) -> impl Iterator<Item = String> {
    index.columns.iter().map(|name| name.unraw().to_string())
}

/// The attributes of a column are those that were recorded. Its type is compared where the compiler knows it.
fn compare(
    table: &Table<'_>,
    field: &Column<'_>,
    version: u32,
    recorded: &lock::Column,
    next: u32,
    errors: &mut Errors,
) {
    if field.key.is_some() != recorded.key {
        let message = format!("version {version} is recorded in {FILE} with another key: a table keeps its key");
        errors.push(field.key.unwrap_or(field.field.span()), message);
    }
    let name = &field.name;
    if default_sql(field) != recorded.default {
        errors.push(
            default_span(field),
            format!(
                "version {version} is recorded in {FILE} with {} for `{name}`, which rows have: keep it, and write others by \
                 a `migration(version = {next}, sql = \"UPDATE {} SET …\")` or by `{}`",
                shown(recorded.default.as_deref()),
                table.name,
                if table.kind == Kind::User { "account.update" } else { "account.table" },
            ),
        );
    }
    for (what, written, recorded) in
        [("index", field.index, recorded.index), ("unique", field.unique.is_some(), recorded.unique)]
    {
        let instead = match (what, recorded) {
            (_, true) => format!("keep `{what}`"),
            ("index", false) => {
                let attribute = table.kind.attribute();
                format!("write `#[{attribute}(index(columns = [{name}], since = {next}))]` instead")
            }
            (_, false) => {
                format!("add another column with `unique, since = {next}`: values that are there may not be unique")
            }
        };
        if written != recorded {
            let with = if recorded { "with" } else { "without" };
            let message = format!("version {version} is recorded in {FILE} {with} `{what}` for `{name}`: {instead}");
            errors.push(field.unique.filter(|_| what == "unique").unwrap_or(field.field.span()), message);
        }
    }
    let renamed_from = field.renamed_from.as_ref().map(syn::LitStr::value);
    if renamed_from != recorded.renamed_from {
        let message = match &recorded.renamed_from {
            Some(old) => format!(
                "version {version} renamed `{old}` to `{name}`, as {FILE} records: keep `renamed_from = \"{old}\"`"
            ),
            None => format!(
                "version {version} added `{name}`, as {FILE} records, and renamed nothing: leave `renamed_from` out"
            ),
        };
        errors.push(renamed_span(field), message);
    }
}

fn default_sql(field: &Column<'_>) -> Option<String> {
    field.default.as_ref().map(|(_, default)| default.sql(field.ty))
}

fn shown(default: Option<&str>) -> String {
    default.map_or_else(|| "no default".to_owned(), |sql| format!("the default {sql}"))
}

fn since_span(field: &Column<'_>) -> Span {
    field.since.map_or_else(|| field.field.span(), |since| since.span)
}

fn default_span(field: &Column<'_>) -> Span {
    field.default.as_ref().map_or_else(|| field.field.span(), |(span, _)| *span)
}

fn renamed_span(field: &Column<'_>) -> Span {
    field.renamed_from.as_ref().map_or_else(|| field.field.span(), syn::LitStr::span)
}
