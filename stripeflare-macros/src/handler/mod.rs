//! `#[get]` … `#[any]` and `#[priced]`: attributes on a handler, in either order.

use proc_macro2::TokenStream;

use crate::errors::{Errors, Expansion};

mod expand;
mod model;
mod parse;
mod path;
mod price;
mod validate;

#[cfg(test)]
mod tests;

pub(crate) use model::{Attribute, Method};

/// Expands the outermost attribute; the other one, if it is there, is taken off the function.
pub(crate) fn expand(attribute: Attribute, arguments: TokenStream, item: TokenStream, is_in_impl: bool) -> Expansion {
    let mut errors = Errors::new();
    let Some(raw) = parse::parse(attribute, arguments, item.clone(), &mut errors) else {
        return Expansion { tokens: item, errors };
    };
    if is_in_impl || raw.signature.receiver().is_some() {
        validate::refuse_in_impl(&raw, &mut errors);
        return Expansion { tokens: expand::in_impl(&raw), errors };
    }
    let tokens = match validate::validate(&raw, &mut errors) {
        Some(handler) if errors.is_empty() => expand::expand(&handler),
        _ => expand::fallback(&raw),
    };
    Expansion { tokens, errors }
}
