//! `#[derive(StripeUser)]`: the columns of a user.

use proc_macro2::TokenStream;

use crate::errors::{Errors, Expansion};

mod default;
mod expand;
mod model;
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
    let user = parse::parse(&input, &mut errors);
    validate::validate(&user, &mut errors);
    let tokens = match errors.is_empty() {
        true => expand::expand(&user),
        false => expand::fallback(&user),
    };
    Expansion { tokens, errors }
}
