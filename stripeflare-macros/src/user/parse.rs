//! Reads the fields and the attributes on them and on the struct.

use proc_macro2::{Span, TokenStream};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Expr, Field, Fields, Ident};

use super::default::Default;
use super::model::{Column, Dropped, Index, Step, User, Version};
use crate::args::{Arg, Args, attribute_tokens};
use crate::errors::Errors;
use crate::paths::Private;

const COLUMN_KEYS: &[&str] = &["default", "index", "unique", "since", "public", "json", "renamed_from"];
const STRUCT_KEYS: &[&str] = &["dropped", "index", "migration", "crate"];

pub(super) fn parse<'a>(input: &'a DeriveInput, errors: &mut Errors) -> User<'a> {
    let mut user = User {
        private: Private::new(None),
        input,
        columns: Vec::new(),
        dropped: Vec::new(),
        indexes: Vec::new(),
        steps: Vec::new(),
    };
    for attribute in attributes(&input.attrs, "stripe_user") {
        user.read_attribute(attribute, errors);
    }
    if let Some(field) = misplaced(&input.attrs, "column") {
        errors.push(field, "`#[column(…)]` goes on a field; for the struct write `#[stripe_user(…)]`");
    }
    for field in fields(input, errors) {
        user.columns.extend(column(field, errors));
    }
    user
}

/// The named fields. A struct without any is a user without columns.
fn fields<'a>(input: &'a DeriveInput, errors: &mut Errors) -> Vec<&'a Field> {
    const SHAPE: &str = "`StripeUser` is for a struct with named fields, one for each column";
    match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(fields) => return fields.named.iter().collect(),
            Fields::Unit => {}
            Fields::Unnamed(fields) => errors.push(fields.span(), SHAPE),
        },
        Data::Enum(data) => errors.push(data.enum_token.span(), SHAPE),
        Data::Union(data) => errors.push(data.union_token.span(), SHAPE),
    }
    Vec::new()
}

fn column<'a>(field: &'a Field, errors: &mut Errors) -> Option<Column<'a>> {
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
    };
    if let Some(span) = misplaced(&field.attrs, "stripe_user") {
        errors.push(span, "`#[stripe_user(…)]` goes on the struct; for a field write `#[column(…)]`");
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
            "unique" => column.unique = arg.flag(errors).then(|| arg.key.span()),
            "index" => column.index = arg.flag(errors),
            "public" => column.public = arg.flag(errors),
            "json" => column.json = arg.flag(errors),
            _ => arg.reject_unknown(COLUMN_KEYS, errors),
        }
    }
    Some(column)
}

impl User<'_> {
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
                "dropped" => self.dropped.extend(dropped(arg, errors)),
                "index" => self.indexes.extend(index(arg, errors)),
                "migration" => self.steps.extend(step(arg, errors)),
                _ => arg.reject_unknown(STRUCT_KEYS, errors),
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
