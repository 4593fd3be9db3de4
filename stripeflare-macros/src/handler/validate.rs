//! Turns what was written into a handler that may be expanded, or says why not.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{
    Expr, ExprLit, FnArg, GenericArgument, Lit, LitStr, PathArguments, PathSegment, ReturnType, Safety, Signature, Type,
};

use super::model::{Answer, Handler, Limit, Method, RawHandler, RawRoute};
use super::{path, price};
use crate::args::ungrouped;
use crate::errors::Errors;

/// The names of primitive types: a hidden struct of that name would stand before them in the user's module.
const PRIMITIVES: &[&str] = &[
    "bool", "char", "str", "i8", "i16", "i32", "i64", "i128", "isize", "u8", "u16", "u32", "u64", "u128", "usize",
    "f16", "f32", "f64", "f128",
];

pub(super) fn validate<'a>(raw: &'a RawHandler, errors: &mut Errors) -> Option<Handler<'a>> {
    signature(&raw.signature, errors);
    name(&raw.signature, errors);
    let path = raw.route.as_ref().map(|written| route_path(written, errors));
    let price = raw.price.as_ref().map(|written| price::check(written, errors));
    if let (Some(RawRoute { method: Method::Head, .. }), Some(price)) = (&raw.route, &raw.price) {
        errors
            .push(price.span, "what costs something answers no `HEAD`: leave the price out, or answer another method");
    }
    if let Some(Some(price)) = &price {
        said_price(&raw.signature, price.limit, errors);
    }
    Some(Handler {
        raw,
        arguments: arguments(&raw.signature),
        answer: answer(&raw.signature.output),
        path: match path {
            Some(path) => Some(path?),
            None => None,
        },
        price: match price {
            Some(price) => Some(price?),
            None => None,
        },
    })
}

/// The hidden type of a handler's name cannot stand in an `impl` block.
pub(super) fn refuse_in_impl(raw: &RawHandler, errors: &mut Errors) {
    let span = raw.signature.receiver().map_or(raw.signature.ident.span(), |receiver| receiver.self_token.span());
    errors.push(
        span,
        "a handler is a free function, not one of an `impl` block: beside it stands a hidden type of its name, which a block \
         cannot hold; write the handler outside, and call the block's function from there",
    );
}

fn signature(signature: &Signature, errors: &mut Errors) {
    if let Some(token) = &signature.constness {
        errors.push(token.span(), "a handler cannot be `const`");
    }
    if let Safety::Unsafe(token) = &signature.safety {
        errors.push(token.span(), "a handler cannot be `unsafe`; put an `unsafe` block in its body");
    }
    if let Some(abi) = &signature.abi {
        errors.push(abi.extern_token.span(), "a handler cannot be `extern`");
    }
    if signature.asyncness.is_none() {
        errors.push(signature.fn_token.span(), "a handler is asynchronous: write `async fn`");
    }
    if let Some(parameter) = signature.generics.params.first() {
        errors.push(
            parameter.span(),
            "a handler cannot be generic: the router calls it for one set of types; name them here",
        );
    } else if let Some(clause) = &signature.generics.where_clause {
        errors.push(clause.where_token.span(), "a handler cannot have a `where` clause");
    }
    if let Some(variadic) = &signature.variadic {
        errors.push(variadic.dots.span(), "a handler cannot be variadic");
    }
    for input in &signature.inputs {
        if let FnArg::Typed(argument) = input
            && let Some(span) = find_impl(argument.ty.to_token_stream())
        {
            errors.push(span, "a handler cannot be generic: name the type instead of `impl`");
        }
    }
}

fn name(signature: &Signature, errors: &mut Errors) {
    let name = signature.ident.unraw().to_string();
    if PRIMITIVES.contains(&name.as_str()) {
        let message = format!(
            "a handler cannot be called like the primitive type `{name}`: beside it stands a hidden type of the same \
             name"
        );
        errors.push(signature.ident.span(), message);
    }
}

fn route_path(raw: &RawRoute, errors: &mut Errors) -> Option<LitStr> {
    let name = raw.method.attribute();
    let path = match raw.path.clone().map(ungrouped) {
        Some(Expr::Lit(ExprLit { lit: Lit::Str(path), .. })) => path,
        Some(other) => {
            let message = format!("the path must be a string literal, as in `#[{name}(\"/\")]`");
            errors.push(other.span(), message);
            return None;
        }
        None => {
            if errors.is_empty() {
                let message = format!("a route needs a path: write `#[{name}(\"/\")]`");
                errors.push(raw.span, message);
            }
            return None;
        }
    };
    path::check(&path, errors);
    Some(path)
}

pub(super) fn arguments(signature: &Signature) -> Vec<&Type> {
    signature
        .inputs
        .iter()
        .filter_map(|input| match input {
            FnArg::Typed(argument) => Some(&*argument.ty),
            FnArg::Receiver(_) => None,
        })
        .collect()
}

fn answer(output: &ReturnType) -> Answer<'_> {
    match output {
        ReturnType::Default => Answer::Unit,
        ReturnType::Type(_, ty) if find_impl(ty.to_token_stream()).is_some() => Answer::Unnamed,
        ReturnType::Type(_, ty) => Answer::Named(ty),
    }
}

/// Where a type says `impl`, at any depth.
fn find_impl(tokens: TokenStream) -> Option<Span> {
    find(tokens, "impl")
}

fn find(tokens: TokenStream, word: &str) -> Option<Span> {
    tokens.into_iter().find_map(|token| match token {
        TokenTree::Ident(ident) if ident == word => Some(ident.span()),
        TokenTree::Group(group) => find(group.stream(), word),
        _ => None,
    })
}

/// Whether the answer says what the call cost where it is asked, and only there; as far as the names in the signature tell.
/// What they do not tell is an error when it runs.
fn said_price(signature: &Signature, limit: Limit, errors: &mut Errors) {
    let output = match &signature.output {
        ReturnType::Default => None,
        ReturnType::Type(_, ty) => Some(&**ty),
    };
    let priced = output.and_then(|ty| find(ty.to_token_stream(), "Priced"));
    match (limit, priced) {
        (Limit::Exact | Limit::Asked, Some(span)) => errors.push(
            span,
            "the attribute says the price, so the answer cannot: leave `Priced` out, or write `max_cents` with the most \
             that a call may cost",
        ),
        (Limit::UpTo, None) if output.is_none_or(says_nothing) && arguments(signature).into_iter().all(is_no_meter) => {
            errors.push(
                output.map_or(signature.ident.span(), Spanned::span),
                "with `max_cents` the handler says what the call did cost: answer `Priced<…>`, or take a `Meter`",
            );
        }
        _ => {}
    }
}

/// Answers without a price.
fn says_nothing(ty: &Type) -> bool {
    match ty {
        Type::Tuple(tuple) => tuple.elems.is_empty(),
        Type::Reference(reference) => matches!(last_segment(&reference.elem), Some(last) if last.ident == "str"),
        ty => last_segment(ty).is_some_and(|last| match &last.arguments {
            PathArguments::AngleBracketed(arguments) if last.ident == "Result" => match arguments.args.first() {
                Some(GenericArgument::Type(ty)) => says_nothing(ty),
                _ => false,
            },
            _ => ["String", "Json", "Html", "StatusCode", "Vec"].iter().any(|name| last.ident == name),
        }),
    }
}

fn is_no_meter(ty: &Type) -> bool {
    let names = ["Account", "Form", "HeaderMap", "Json", "Path", "Query", "State", "String"];
    last_segment(ty).is_some_and(|last| names.iter().any(|name| last.ident == name))
}

pub(super) fn last_segment(ty: &Type) -> Option<&PathSegment> {
    match ty {
        Type::Path(path) => path.path.segments.last(),
        _ => None,
    }
}
