//! `#[stripeflare::main]`: what the Workers runtime calls, and the check of `wrangler.toml`.

use proc_macro2::{Span, TokenStream};

use crate::errors::{Errors, Expansion};
use crate::paths::watch;

mod expand;
mod parse;
mod validate;
mod wrangler;

#[cfg(test)]
mod tests;

pub(crate) fn expand(arguments: TokenStream, item: TokenStream) -> Expansion {
    let directory = std::env::var_os("CARGO_MANIFEST_DIR").map(Into::into);
    expand_in(directory, arguments, item)
}

/// `directory` is where the search for `wrangler.toml` begins.
fn expand_in(directory: Option<std::path::PathBuf>, arguments: TokenStream, item: TokenStream) -> Expansion {
    let mut errors = Errors::new();
    let Some(raw) = parse::parse(arguments, item.clone(), &mut errors) else {
        return Expansion { tokens: item, errors };
    };
    let entry = validate::validate(&raw, &mut errors);
    // A file that cannot be read is reported by the struct that it is about.
    let lock = directory.as_deref().and_then(crate::columns::lock::find);
    let recorded = lock.as_ref().and_then(|found| found.lock.as_ref().ok()).cloned();
    let configuration = directory.and_then(|directory| wrangler::find(&directory));
    if let Some(configuration) = &configuration {
        let span = raw.function.sig.ident.span();
        for problem in wrangler::check(configuration) {
            errors.push(span, problem);
        }
    }
    let tokens = match entry {
        Some(entry) if errors.is_empty() => expand::expand(&entry, recorded.as_ref()),
        _ => expand::fallback(&raw),
    };
    // With a receiver this is most likely in an `impl` block, where the constant could not stand.
    let watched = configuration.filter(|_| raw.function.sig.receiver().is_none()).map(|found| watch(&found.path));
    let watched_lock = lock.filter(|_| watched.is_some()).map(|found| watch(&found.path));
    Expansion { tokens: quote::quote!(#tokens #watched #watched_lock), errors }
}

/// Where the attribute stands.
fn here() -> Span {
    Span::call_site()
}
