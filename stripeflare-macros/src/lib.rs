//! The macros of [stripeflare](https://docs.rs/stripeflare): import them from there.
//!
//! Each macro is a folder that goes `parse → model → validate → expand`. What they expand to is short and calls
//! `stripeflare::__private`; bounds are checked there, in ordinary generic functions. What the macros do is documented where
//! `stripeflare` hands them on: only there can examples compile.
#![allow(missing_docs, reason = "documented in stripeflare/src/macros.rs")]

use proc_macro::{Span, TokenStream};

use crate::columns::Kind;
use crate::handler::{Attribute, Method};

mod args;
mod column_enum;
mod columns;
mod errors;
mod handler;
mod main_fn;
mod paths;
mod place;

#[cfg(test)]
mod testing;

#[proc_macro_attribute]
pub fn get(arguments: TokenStream, item: TokenStream) -> TokenStream {
    handler(Attribute::Route(Method::Get), arguments, item)
}

#[proc_macro_attribute]
pub fn post(arguments: TokenStream, item: TokenStream) -> TokenStream {
    handler(Attribute::Route(Method::Post), arguments, item)
}

#[proc_macro_attribute]
pub fn put(arguments: TokenStream, item: TokenStream) -> TokenStream {
    handler(Attribute::Route(Method::Put), arguments, item)
}

#[proc_macro_attribute]
pub fn patch(arguments: TokenStream, item: TokenStream) -> TokenStream {
    handler(Attribute::Route(Method::Patch), arguments, item)
}

#[proc_macro_attribute]
pub fn delete(arguments: TokenStream, item: TokenStream) -> TokenStream {
    handler(Attribute::Route(Method::Delete), arguments, item)
}

#[proc_macro_attribute]
pub fn options(arguments: TokenStream, item: TokenStream) -> TokenStream {
    handler(Attribute::Route(Method::Options), arguments, item)
}

#[proc_macro_attribute]
pub fn head(arguments: TokenStream, item: TokenStream) -> TokenStream {
    handler(Attribute::Route(Method::Head), arguments, item)
}

#[proc_macro_attribute]
pub fn any(arguments: TokenStream, item: TokenStream) -> TokenStream {
    handler(Attribute::Route(Method::Any), arguments, item)
}

#[proc_macro_attribute]
pub fn priced(arguments: TokenStream, item: TokenStream) -> TokenStream {
    handler(Attribute::Priced, arguments, item)
}

#[proc_macro_attribute]
pub fn main(arguments: TokenStream, item: TokenStream) -> TokenStream {
    main_fn::expand(arguments.into(), item.into()).into_tokens().into()
}

#[proc_macro_derive(StripeUser, attributes(column, stripe_user))]
pub fn stripe_user(item: TokenStream) -> TokenStream {
    columns::expand(Kind::User, item.into()).into_tokens().into()
}

#[proc_macro_derive(StripeTable, attributes(column, stripe_table))]
pub fn stripe_table(item: TokenStream) -> TokenStream {
    columns::expand(Kind::Table, item.into()).into_tokens().into()
}

#[proc_macro_derive(ColumnEnum, attributes(column))]
pub fn column_enum(item: TokenStream) -> TokenStream {
    column_enum::expand(item.into()).into_tokens().into()
}

fn handler(attribute: Attribute, arguments: TokenStream, item: TokenStream) -> TokenStream {
    handler::expand(attribute, arguments.into(), item.into(), is_in_impl()).into_tokens().into()
}

/// Whether the attribute stands in an `impl` block, as far as its file tells.
fn is_in_impl() -> bool {
    let here = Span::call_site();
    let source = here.local_file().and_then(|file| std::fs::read_to_string(file).ok());
    source.is_some_and(|source| place::is_in_impl(&source, here.line(), here.column()))
}
