//! `#[derive(StripeUser)]` and `#[derive(StripeTable)]`: the columns of users, and of tables of their own.

use proc_macro2::TokenStream;

use crate::errors::{Errors, Expansion};
use crate::paths::watch;

mod default;
mod expand;
pub(crate) mod lock;
mod model;
mod parse;
mod validate;

#[cfg(test)]
mod tests;

pub(crate) use model::Kind;

pub(crate) fn expand(kind: Kind, item: TokenStream) -> Expansion {
    let directory = std::env::var_os("CARGO_MANIFEST_DIR").map(std::path::PathBuf::from);
    expand_in(directory.as_deref(), kind, item)
}

/// `directory` is where the schema lock may be.
fn expand_in(directory: Option<&std::path::Path>, kind: Kind, item: TokenStream) -> Expansion {
    let mut errors = Errors::new();
    let input = match syn::parse2::<syn::DeriveInput>(item) {
        Ok(input) => input,
        Err(error) => {
            errors.add(error);
            return Expansion { tokens: TokenStream::new(), errors };
        }
    };
    let table = parse::parse(kind, &input, &mut errors);
    validate::validate(&table, &mut errors);
    let found = directory.and_then(lock::find);
    let recorded = match found.as_ref().map(|found| &found.lock) {
        Some(Ok(lock)) if kind == Kind::Table || input.ident == lock.user => lock.history(&table.name),
        Some(Err(problem)) => {
            errors.push(input.ident.span(), format!("{} cannot be read: {problem}", stripeflare_schema::lock::FILE));
            None
        }
        _ => None,
    };
    if let Some(history) = recorded
        && errors.is_empty()
    {
        lock::check(&table, history, &mut errors);
    }
    let tokens = match errors.is_empty() {
        true => expand::expand(&table, recorded),
        false => expand::fallback(&table),
    };
    let watched = found.map(|found| watch(&found.path));
    Expansion { tokens: quote::quote!(#tokens #watched), errors }
}
