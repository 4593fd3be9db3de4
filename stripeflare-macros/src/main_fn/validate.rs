//! Turns what was written into an entry point, or says why not.

use syn::spanned::Spanned;
use syn::{FnArg, LitStr, ReturnType, Safety, Signature, Type};

use super::parse::RawMain;
use crate::errors::Errors;

const DEFAULT_VERSION: &str = "1";
const MAX_VERSION_LENGTH: usize = 32;

/// An entry point that may be expanded.
pub(super) struct Entry<'a> {
    pub(super) raw: &'a RawMain,
    pub(super) app: &'a Type,
    pub(super) version: String,
}

pub(super) fn validate<'a>(raw: &'a RawMain, errors: &mut Errors) -> Option<Entry<'a>> {
    let app = signature(&raw.function.sig, errors);
    let version = match &raw.version {
        Some(literal) => version(literal, errors),
        None => Some(DEFAULT_VERSION.to_owned()),
    };
    Some(Entry { raw, app: app?, version: version? })
}

fn signature<'a>(signature: &'a Signature, errors: &mut Errors) -> Option<&'a Type> {
    const SHAPE: &str = "fn app() -> App<User>";
    if let Some(token) = &signature.constness {
        errors.push(token.span(), format!("the entry point is a plain `{SHAPE}`"));
    }
    if let Some(token) = &signature.asyncness {
        errors.push(
            token.span(),
            format!("the entry point builds the app before any request: write `{SHAPE}`, without `async`"),
        );
    }
    if let Safety::Unsafe(token) = &signature.safety {
        errors.push(token.span(), format!("the entry point is a plain `{SHAPE}`"));
    }
    if let Some(abi) = &signature.abi {
        errors.push(abi.extern_token.span(), format!("the entry point is a plain `{SHAPE}`"));
    }
    if let Some(parameter) = signature.generics.params.first() {
        errors.push(
            parameter.span(),
            format!("the entry point cannot be generic: write `{SHAPE}` with the type of your columns"),
        );
    } else if let Some(clause) = &signature.generics.where_clause {
        errors.push(clause.where_token.span(), "the entry point cannot have a `where` clause");
    }
    match signature.inputs.first() {
        Some(FnArg::Receiver(receiver)) => {
            errors.push(receiver.self_token.span(), format!("the entry point is a free function: write `{SHAPE}`"));
        }
        Some(FnArg::Typed(argument)) => errors.push(
            argument.span(),
            format!("the entry point takes no arguments: write `{SHAPE}`; handlers take the environment with `Env`"),
        ),
        None => {}
    }
    match &signature.output {
        ReturnType::Default => {
            errors.push(signature.ident.span(), format!("the entry point returns the app: write `{SHAPE}`"));
            None
        }
        ReturnType::Type(_, ty) => match &**ty {
            Type::ImplTrait(implied) => {
                errors.push(
                    implied.impl_token.span(),
                    format!("the type of your columns is read from here: write `{SHAPE}`"),
                );
                None
            }
            ty if is_surely_no_app(ty) => {
                errors.push(ty.span(), format!("the entry point returns the app: write `{SHAPE}`"));
                None
            }
            ty => Some(ty),
        },
    }
}

/// Types that can be told by their spelling; of any other the compiler says whether it is an `App`.
fn is_surely_no_app(ty: &Type) -> bool {
    let Type::Path(path) = ty else {
        return !matches!(ty, Type::Group(_) | Type::Paren(_) | Type::Macro(_));
    };
    path.path.segments.last().is_some_and(|last| {
        ["Box", "Option", "Response", "Result", "Router", "String"].iter().any(|name| last.ident == name)
    })
}

/// The version is part of the names of all objects.
fn version(literal: &LitStr, errors: &mut Errors) -> Option<String> {
    let text = literal.value();
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
    let message = match text.chars().find(|c| !is_allowed(*c)) {
        _ if text.is_empty() => "a version has at least one character; leave it out for `\"1\"`".to_owned(),
        Some(c) => format!("a version is letters, digits, `_` and `.`; it cannot contain {c:?}"),
        None if text.len() > MAX_VERSION_LENGTH => {
            format!("a version has at most {MAX_VERSION_LENGTH} characters; this one has {}", text.len())
        }
        None => return Some(text),
    };
    errors.push(literal.span(), message);
    None
}
