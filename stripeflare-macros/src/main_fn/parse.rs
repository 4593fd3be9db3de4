//! Reads the function and the arguments.

use proc_macro2::TokenStream;
use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{ItemFn, LitStr, Path, Token};

use super::here;
use crate::args::{Arg, Args};
use crate::errors::Errors;
use crate::paths::Private;

const KEYS: &[&str] = &["version", "tables", "crate"];

pub(super) struct RawMain {
    pub(super) private: Private,
    pub(super) version: Option<LitStr>,
    /// The types of the application's own tables.
    pub(super) tables: Vec<Path>,
    pub(super) function: ItemFn,
}

/// `None` if the item is no function.
pub(super) fn parse(arguments: TokenStream, item: TokenStream, errors: &mut Errors) -> Option<RawMain> {
    let Ok(function) = syn::parse2::<ItemFn>(item) else {
        errors.push(here(), "`#[stripeflare::main]` goes on a function: `fn app() -> App<User>`");
        return None;
    };
    let mut args = Args::parse(arguments, errors);
    let private = Private::new(args.take_crate(errors).as_ref());
    for value in &args.positional {
        errors.push(value.span(), "an argument needs its key, as in `version = \"2\"`");
    }
    let (mut version, mut tables) = (None, Vec::new());
    for arg in args.named {
        match arg.key.to_string().as_str() {
            "version" => version = arg.string("version = \"2\"", errors),
            "tables" => tables.extend(paths(arg, "tables(Note, Item)", errors)),
            _ => arg.reject_unknown(KEYS, errors),
        }
    }
    Some(RawMain { private, version, tables, function })
}

/// `(Note, shop::Item)`.
fn paths(arg: Arg, example: &str, errors: &mut Errors) -> Vec<Path> {
    let Some((span, tokens)) = arg.list(example, errors) else { return Vec::new() };
    match Punctuated::<Path, Token![,]>::parse_terminated.parse2(tokens) {
        Ok(paths) => paths.into_iter().collect(),
        Err(_) => {
            errors.push(span, format!("write names in the list, as in `{example}`"));
            Vec::new()
        }
    }
}
