//! The one place that knows how generated code names things: absolute paths only, whatever the user has in scope.

use std::path::Path as FilePath;

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::Path;

/// `::stripeflare::__private`, or the same module of the crate that `crate = …` names.
///
/// Interpolated as `#p`, it is followed by a name that the runtime's `__private` module exports.
#[derive(Clone)]
pub(crate) struct Private(TokenStream);

impl Private {
    pub(crate) fn new(krate: Option<&Path>) -> Self {
        match krate {
            Some(krate) => Self(quote!(#krate::__private)),
            None => Self(quote!(::stripeflare::__private)),
        }
    }

    /// The name that a function's body gives it.
    pub(crate) fn short() -> Self {
        Self(quote!(__p))
    }

    /// The same path, for an expression that is to be reported in a certain place.
    pub(crate) fn at(&self, span: Span) -> Self {
        let located = |mut token: TokenTree| {
            // `$crate` is resolved by its own span.
            if token.to_string() != "$crate" {
                token.set_span(span);
            }
            token
        };
        Self(self.0.clone().into_iter().map(located).collect())
    }
}

impl ToTokens for Private {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        self.0.to_tokens(tokens);
    }
}

/// Names of the standard library, safe from a user's own `Result`, `Ok` or `concat!`.
pub(crate) struct Std {
    pub(crate) ok: TokenStream,
    pub(crate) result: TokenStream,
    pub(crate) concat: TokenStream,
    pub(crate) module_path: TokenStream,
    pub(crate) unreachable: TokenStream,
    pub(crate) include_bytes: TokenStream,
    pub(crate) option: TokenStream,
    pub(crate) string: TokenStream,
}

impl Std {
    pub(crate) fn new() -> Self {
        Self {
            ok: quote!(::core::result::Result::Ok),
            result: quote!(::core::result::Result),
            concat: quote!(::core::concat!),
            module_path: quote!(::core::module_path!()),
            unreachable: quote!(::core::unreachable!()),
            include_bytes: quote!(::core::include_bytes!),
            option: quote!(::core::option::Option),
            string: quote!(::std::string::String),
        }
    }
}

/// Makes cargo expand a macro again when a file that it reads changes.
pub(crate) fn watch(file: &FilePath) -> TokenStream {
    let Some(file) = file.to_str() else {
        return TokenStream::new();
    };
    let include_bytes = Std::new().include_bytes;
    quote!(const _: &[u8] = #include_bytes(#file);)
}
