//! Reads the fields and the attributes on them and on the struct.

use proc_macro2::{Span, TokenStream};
use stripeflare_schema::USERS;
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Expr, Field, Fields, Ident, LitStr};

use super::default::Default;
use super::model::{Column, Dropped, Index, Kind, Step, Table, Version};
use crate::args::{Arg, Args, attribute_tokens};
use crate::errors::Errors;
use crate::paths::Private;

const USER_COLUMN_KEYS: &[&str] = &["default", "index", "unique", "since", "public", "json", "renamed_from"];
const TABLE_COLUMN_KEYS: &[&str] = &["key", "default", "index", "since", "json", "renamed_from"];
const USER_KEYS: &[&str] = &["dropped", "index", "migration", "crate"];
const TABLE_KEYS: &[&str] = &["name", "dropped", "index", "migration", "crate"];

pub(super) fn parse<'a>(kind: Kind, input: &'a DeriveInput, errors: &mut Errors) -> Table<'a> {
    let mut table = Table {
        private: Private::new(None),
        kind,
        named: None,
        name: USERS.to_owned(),
        input,
        columns: Vec::new(),
        dropped: Vec::new(),
        indexes: Vec::new(),
        steps: Vec::new(),
    };
    for attribute in attributes(&input.attrs, kind.attribute()) {
        table.read_attribute(attribute, errors);
    }
    if kind == Kind::Table {
        table.name = table.named.as_ref().map_or_else(|| snake_case(&input.ident.unraw().to_string()), LitStr::value);
    }
    if let Some(field) = misplaced(&input.attrs, "column") {
        let attribute = kind.attribute();
        errors.push(field, format!("`#[column(…)]` goes on a field; for the struct write `#[{attribute}(…)]`"));
    }
    for field in fields(kind, input, errors) {
        table.columns.extend(column(kind, field, errors));
    }
    table
}

/// As a table is called: `OrderLine` is `order_line`.
fn snake_case(name: &str) -> String {
    let mut text = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !text.is_empty() {
            text.push('_');
        }
        text.extend(letter.to_lowercase());
    }
    text
}

/// The named fields. A struct without any is a user without columns.
fn fields<'a>(kind: Kind, input: &'a DeriveInput, errors: &mut Errors) -> Vec<&'a Field> {
    let shape = format!("`{}` is for a struct with named fields, one for each column", kind.derive());
    match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(fields) => return fields.named.iter().collect(),
            Fields::Unit => {}
            Fields::Unnamed(fields) => errors.push(fields.span(), shape),
        },
        Data::Enum(data) => errors.push(data.enum_token.span(), shape),
        Data::Union(data) => errors.push(data.union_token.span(), shape),
    }
    Vec::new()
}

fn column<'a>(kind: Kind, field: &'a Field, errors: &mut Errors) -> Option<Column<'a>> {
    let ident = field.ident.as_ref()?;
    let mut column = Column {
        field: ident,
        name: ident.unraw().to_string(),
        ty: &field.ty,
        visibility: &field.vis,
        default: None,
        since: None,
        renamed_from: None,
        unique: None,
        index: false,
        public: false,
        json: false,
        key: None,
    };
    if let Some(span) = misplaced(&field.attrs, kind.attribute()) {
        let attribute = kind.attribute();
        errors.push(span, format!("`#[{attribute}(…)]` goes on the struct; for a field write `#[column(…)]`"));
    }
    let written = attributes(&field.attrs, "column");
    let tokens = joined(written, errors);
    let args = Args::parse(tokens, errors);
    for value in &args.positional {
        errors.push(value.span(), "expected a key, as in `default = \"free\"` or `index`");
    }
    for arg in args.named {
        match arg.key.to_string().as_str() {
            "default" => {
                let value = arg.assigned("default = \"free\"", errors);
                column.default = value.and_then(|value| Default::parse(&value, errors));
            }
            "since" => column.since = version(arg, "since = 2", errors),
            "renamed_from" => {
                column.renamed_from = arg.string("renamed_from = \"old_name\"", errors);
            }
            "key" if kind == Kind::Table => column.key = arg.flag(errors).then(|| arg.key.span()),
            "unique" if kind == Kind::Table => errors.push(
                arg.key.span(),
                "`unique` is for columns of `StripeUser`, among all accounts; in a table the key is unique: write `key`",
            ),
            "public" if kind == Kind::Table => {
                errors.push(arg.key.span(), "`public` is for columns of `StripeUser`, which `GET /me` shows: leave it out");
            }
            "unique" => column.unique = arg.flag(errors).then(|| arg.key.span()),
            "index" => column.index = arg.flag(errors),
            "public" => column.public = arg.flag(errors),
            "json" => column.json = arg.flag(errors),
            _ if kind == Kind::Table => arg.reject_unknown(TABLE_COLUMN_KEYS, errors),
            _ => arg.reject_unknown(USER_COLUMN_KEYS, errors),
        }
    }
    Some(column)
}

impl Table<'_> {
    fn read_attribute(&mut self, attribute: &syn::Attribute, errors: &mut Errors) {
        let tokens = attribute_tokens(attribute, errors).unwrap_or_default();
        let mut args = Args::parse(tokens, errors);
        if let Some(krate) = args.take_crate(errors) {
            self.private = Private::new(Some(&krate));
        }
        for value in &args.positional {
            errors.push(value.span(), "expected a key, as in `index(columns = [tier])`");
        }
        for arg in args.named {
            match arg.key.to_string().as_str() {
                "name" if self.kind == Kind::Table => self.named = arg.string("name = \"note\"", errors),
                "dropped" => self.dropped.extend(dropped(arg, errors)),
                "index" => self.indexes.extend(index(arg, errors)),
                "migration" => self.steps.extend(step(arg, errors)),
                _ if self.kind == Kind::Table => arg.reject_unknown(TABLE_KEYS, errors),
                _ => arg.reject_unknown(USER_KEYS, errors),
            }
        }
    }
}

fn dropped(arg: Arg, errors: &mut Errors) -> Option<Dropped> {
    const EXAMPLE: &str = "dropped(name = \"legacy\", since = 3)";
    let (span, args) = list(arg, EXAMPLE, errors)?;
    let (mut name, mut since) = (None, None);
    let before = errors.count();
    for arg in args.named {
        match arg.key.to_string().as_str() {
            "name" => name = arg.string("name = \"legacy\"", errors),
            "since" => since = version(arg, "since = 3", errors),
            _ => arg.reject_unknown(&["name", "since"], errors),
        }
    }
    require(name.is_some() && since.is_some(), before, span, EXAMPLE, errors);
    Some(Dropped { name: name?, since: since? })
}

fn index(arg: Arg, errors: &mut Errors) -> Option<Index> {
    const EXAMPLE: &str = "index(columns = [tier, created_at], since = 2)";
    let (span, args) = list(arg, EXAMPLE, errors)?;
    let (mut columns, mut since) = (None, None);
    let before = errors.count();
    for arg in args.named {
        match arg.key.to_string().as_str() {
            "columns" => {
                let value = arg.assigned("columns = [tier, created_at]", errors);
                columns = value.and_then(|value| names(&value, errors));
            }
            "since" => since = version(arg, "since = 2", errors),
            _ => arg.reject_unknown(&["columns", "since"], errors),
        }
    }
    require(columns.is_some() && since.is_some(), before, span, EXAMPLE, errors);
    Some(Index { columns: columns?, since: since? })
}

fn step(arg: Arg, errors: &mut Errors) -> Option<Step> {
    const EXAMPLE: &str = "migration(version = 4, sql = \"…\")";
    let (span, args) = list(arg, EXAMPLE, errors)?;
    let (mut number, mut sql) = (None, None);
    let before = errors.count();
    for arg in args.named {
        match arg.key.to_string().as_str() {
            "version" => number = version(arg, "version = 4", errors),
            "sql" => sql = arg.string("sql = \"UPDATE …\"", errors),
            _ => arg.reject_unknown(&["version", "sql"], errors),
        }
    }
    require(number.is_some() && sql.is_some(), before, span, EXAMPLE, errors);
    Some(Step { version: number?, sql: sql? })
}

fn list(arg: Arg, example: &str, errors: &mut Errors) -> Option<(Span, Args)> {
    let (span, tokens) = arg.list(example, errors)?;
    let args = Args::parse(tokens, errors);
    for value in &args.positional {
        errors.push(value.span(), format!("expected a key, as in `{example}`"));
    }
    Some((span, args))
}

/// Reports that something is missing, unless an error about these arguments says more already.
fn require(is_complete: bool, before: usize, span: Span, example: &str, errors: &mut Errors) {
    if !is_complete && errors.count() == before {
        errors.push(span, format!("something is missing here: write `{example}`"));
    }
}

fn version(arg: Arg, example: &str, errors: &mut Errors) -> Option<Version> {
    let literal = arg.integer(example, errors)?;
    Version::new(&literal, errors)
}

/// `[tier, created_at]`.
fn names(value: &Expr, errors: &mut Errors) -> Option<Vec<Ident>> {
    const MESSAGE: &str = "write the fields in brackets, as in `columns = [tier, created_at]`";
    let Expr::Array(array) = value else {
        errors.push(value.span(), MESSAGE);
        return None;
    };
    if array.elems.is_empty() {
        errors.push(value.span(), MESSAGE);
        return None;
    }
    let mut names = Vec::new();
    for element in &array.elems {
        match element {
            Expr::Path(path) if path.path.get_ident().is_some() => {
                names.extend(path.path.get_ident().cloned());
            }
            other => {
                errors.push(other.span(), MESSAGE);
                return None;
            }
        }
    }
    Some(names)
}

fn attributes<'a>(all: &'a [syn::Attribute], name: &'static str) -> impl Iterator<Item = &'a syn::Attribute> {
    all.iter().filter(move |attribute| attribute.path().is_ident(name))
}

fn misplaced(all: &[syn::Attribute], name: &'static str) -> Option<Span> {
    attributes(all, name).next().map(|attribute| attribute.path().span())
}

/// The arguments of several attributes as those of one, so that a key written twice is found.
fn joined<'a>(attributes: impl Iterator<Item = &'a syn::Attribute>, errors: &mut Errors) -> TokenStream {
    let lists = attributes.filter_map(|attribute| attribute_tokens(attribute, errors));
    let lists = lists.filter(|tokens| !tokens.is_empty()).collect::<Vec<_>>();
    quote::quote!(#(#lists),*)
}
