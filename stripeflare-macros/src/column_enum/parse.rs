//! Reads the variants and what they are stored as.

use proc_macro2::{Ident, Span};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Data, DeriveInput};

use crate::args::{Args, attribute_tokens};
use crate::errors::Errors;
use crate::paths::Private;

pub(super) struct Values<'a> {
    pub(super) private: Private,
    pub(super) input: &'a DeriveInput,
    pub(super) variants: Vec<Variant<'a>>,
}

pub(super) struct Variant<'a> {
    pub(super) ident: &'a Ident,
    /// Where the variant has fields, which it must not.
    pub(super) fields: Option<Span>,
    pub(super) stored: String,
    pub(super) span: Span,
}

pub(super) fn parse<'a>(input: &'a DeriveInput, errors: &mut Errors) -> Values<'a> {
    let mut values = Values { private: Private::new(None), input, variants: Vec::new() };
    for attribute in input.attrs.iter().filter(|attribute| attribute.path().is_ident("column")) {
        let mut args = Args::parse(attribute_tokens(attribute, errors).unwrap_or_default(), errors);
        if let Some(krate) = args.take_crate(errors) {
            values.private = Private::new(Some(&krate));
        }
        reject_rest(args, &["crate"], errors);
    }
    match &input.data {
        Data::Enum(data) => values.variants = data.variants.iter().map(|variant| read(variant, errors)).collect(),
        Data::Struct(data) => errors.push(data.struct_token.span(), "`ColumnEnum` is for an enum without fields"),
        Data::Union(data) => errors.push(data.union_token.span(), "`ColumnEnum` is for an enum without fields"),
    }
    values
}

fn read<'a>(variant: &'a syn::Variant, errors: &mut Errors) -> Variant<'a> {
    let (mut stored, mut span) = (snake_case(&variant.ident.unraw().to_string()), variant.ident.span());
    for attribute in variant.attrs.iter().filter(|attribute| attribute.path().is_ident("column")) {
        let mut args = Args::parse(attribute_tokens(attribute, errors).unwrap_or_default(), errors);
        if let Some(at) = args.named.iter().position(|arg| arg.key == "rename")
            && let Some(text) = args.named.remove(at).string("rename = \"pro+\"", errors)
        {
            (stored, span) = (text.value(), text.span());
        }
        reject_rest(args, &["rename"], errors);
    }
    let fields = (!variant.fields.is_empty()).then(|| variant.fields.span());
    Variant { ident: &variant.ident, fields, stored, span }
}

fn reject_rest(args: Args, known: &[&str], errors: &mut Errors) {
    for value in &args.positional {
        errors.push(value.span(), "expected a key, as in `rename = \"pro+\"`");
    }
    for arg in args.named {
        arg.reject_unknown(known, errors);
    }
}

/// `ProPlus` as `pro_plus`.
fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for (at, letter) in name.char_indices() {
        if letter.is_uppercase() && at > 0 {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    snake
}
