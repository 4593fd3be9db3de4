//! Reads the function and the arguments.

use proc_macro2::TokenStream;
use syn::spanned::Spanned;
use syn::{ItemFn, LitStr};

use super::here;
use crate::args::Args;
use crate::errors::Errors;
use crate::paths::Private;

const KEYS: &[&str] = &["version", "crate"];

pub(super) struct RawMain {
    pub(super) private: Private,
    pub(super) version: Option<LitStr>,
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
    let mut version = None;
    for arg in args.named {
        match arg.key.to_string().as_str() {
            "version" => version = arg.string("version = \"2\"", errors),
            _ => arg.reject_unknown(KEYS, errors),
        }
    }
    Some(RawMain { private, version, function })
}
