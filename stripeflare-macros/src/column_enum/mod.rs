//! `#[derive(ColumnEnum)]`: an enum without fields as a text.

use proc_macro2::TokenStream;

use crate::errors::{Errors, Expansion};

mod expand;
mod parse;
mod validate;

#[cfg(test)]
mod tests;

pub(crate) fn expand(item: TokenStream) -> Expansion {
    let mut errors = Errors::new();
    let input = match syn::parse2::<syn::DeriveInput>(item) {
        Ok(input) => input,
        Err(error) => {
            errors.add(error);
            return Expansion { tokens: TokenStream::new(), errors };
        }
    };
    let values = parse::parse(&input, &mut errors);
    validate::validate(&values, &mut errors);
    let tokens = match errors.is_empty() {
        true => expand::expand(&values),
        false => expand::fallback(&values),
    };
    Expansion { tokens, errors }
}
