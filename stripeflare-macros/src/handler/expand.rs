//! Writes the code: a hidden type beside a routed handler, a wrapper around a handler that is only priced.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::Type;
use syn::ext::IdentExt;
use syn::spanned::Spanned;

use super::model::{Amount, Answer, Handler, Limit, Price, RawHandler};
use crate::paths::Std;

pub(super) fn expand(handler: &Handler<'_>) -> TokenStream {
    let std = Std::new();
    let raw = handler.raw;
    match &handler.route {
        Some(route) => {
            let p = &raw.private;
            let body = answer_request(handler, &raw.signature.ident, &std);
            let imports = imports(raw);
            let endpoint = quote! {
                fn endpoint(__request: #p::Request) -> #p::ResponseFuture {
                    #imports
                    #p::boxed(async move { #body })
                }
            };
            let path = &route.path;
            let function = function(raw);
            let hidden = hidden_type(raw, &quote!(#path), &endpoint, &std);
            quote!(#function #hidden)
        }
        None => {
            let inner = format_ident!("__handler");
            let body = answer_request(handler, &inner, &std);
            wrapper(raw, &inner, &body, &std)
        }
    }
}

/// Code in the place of a handler with a mistake: the names are there and the types fit.
pub(super) fn fallback(raw: &RawHandler) -> TokenStream {
    let std = Std::new();
    let p = &raw.private;
    let unreachable = &std.unreachable;
    let function = function(raw);
    if raw.signature.receiver().is_some() {
        // Most likely in an `impl` block, where a type cannot stand.
        return function;
    }
    if raw.route.is_some() {
        let imports = imports(raw);
        let endpoint = quote! {
            fn endpoint(_: #p::Request) -> #p::ResponseFuture {
                #imports
                #unreachable
            }
        };
        let Std { concat, module_path, .. } = &std;
        let name = raw.signature.ident.unraw().to_string();
        // A path of its own, so that `routes!` sees no second handler for it.
        let path = quote!(#concat("/", #module_path, "::", #name));
        let hidden = hidden_type(raw, &path, &endpoint, &std);
        return quote!(#function #hidden);
    }
    wrapper(raw, &format_ident!("__handler"), unreachable, &std)
}

/// Uses of the attributes that were taken off: their imports would look unused.
fn imports(raw: &RawHandler) -> TokenStream {
    let imports = raw.taken.iter().map(|path| {
        let (_, end) = ends(path);
        let path = path.to_token_stream().into_iter().map(generated).collect::<TokenStream>();
        // One that is missing is reported where the attribute stands.
        let unnamed = quote_spanned!(Span::call_site().located_at(end)=> as _);
        quote!(use #path #unnamed;)
    });
    quote!(#(#imports)*)
}

/// The handler as the user wrote it.
fn function(raw: &RawHandler) -> TokenStream {
    let RawHandler { attributes, visibility, signature, body, .. } = raw;
    quote!(#(#attributes)* #visibility #signature #body)
}

/// The type that `routes!` finds under the handler's name.
fn hidden_type(raw: &RawHandler, path: &TokenStream, endpoint: &TokenStream, std: &Std) -> TokenStream {
    let RawHandler { private: p, visibility, .. } = raw;
    let Std { concat, module_path, .. } = std;
    let conditions = raw.attributes.iter().filter(|attribute| attribute.path().is_ident("cfg")).collect::<Vec<_>>();
    let ident = generated(raw.signature.ident.clone().into());
    let name = raw.signature.ident.unraw().to_string();
    let method = match &raw.route {
        Some(route) => route.method.variant(),
        None => unreachable!("only routed handlers have a hidden type"),
    };
    quote! {
        #(#conditions)*
        #[doc(hidden)]
        #visibility struct #ident {}

        #(#conditions)*
        #[automatically_derived]
        impl #p::Route for #ident {
            const METHOD: #p::Method = #p::Method::#method;
            const PATH: &'static str = #path;
            const NAME: &'static str = #concat(#module_path, "::", #name);
            #endpoint
        }
    }
}

/// The handler inside a function of its name that takes the whole request.
fn wrapper(raw: &RawHandler, inner: &Ident, body: &TokenStream, std: &Std) -> TokenStream {
    let RawHandler { private: p, visibility, signature, body: original, .. } = raw;
    let Std { future, send, .. } = std;
    let (outside, inside): (Vec<_>, Vec<_>) = raw.attributes.iter().partition(|a| stays_outside(a));
    let ident = &signature.ident;
    let mut signature = signature.clone();
    signature.ident = inner.clone();
    quote! {
        #(#outside)*
        #visibility fn #ident(
            __request: #p::Request,
        ) -> impl #future<Output = #p::Response> + #send {
            #(#inside)*
            #signature #original
            #p::send(async move { #body })
        }
    }
}

/// Attributes of the compiler say something about the name or hold for everything inside; others want the handler itself.
fn stays_outside(attribute: &syn::Attribute) -> bool {
    const OUTSIDE: [&str; 10] =
        ["doc", "cfg", "cfg_attr", "allow", "warn", "deny", "forbid", "expect", "deprecated", "must_use"];
    OUTSIDE.iter().any(|name| attribute.path().is_ident(name))
}

/// From `__request` to a response: extract, reserve, run, settle.
fn answer_request(handler: &Handler<'_>, function: &Ident, std: &Std) -> TokenStream {
    let p = &handler.raw.private;
    let extracted = extract(handler, std);
    let names = argument_names(handler);
    let converted = match &handler.answer {
        Answer::Unit => quote!(#p::into_response::<()>),
        Answer::Named(ty) => quote!(#p::into_response::<#ty>),
        Answer::Unnamed => quote!(#p::into_response),
    };
    let response = quote!(#converted(#function(#(#names),*).await));
    let Some(price) = &handler.price else {
        return match handler.arguments.is_empty() {
            true => quote! {
                let _ = __request;
                #response
            },
            false => {
                let mutable = (handler.arguments.len() > 1).then(|| quote!(mut));
                quote! {
                    let (#mutable __parts, __body) = #p::into_parts(__request);
                    #extracted
                    #response
                }
            }
        };
    };
    let price = price_const(handler, price, std);
    let Std { ok, err, .. } = std;
    let body = match handler.arguments.is_empty() {
        true => quote!(_),
        false => quote!(__body),
    };
    quote! {
        #price
        let (mut __parts, __body) = #p::into_parts(__request);
        let (__call, #body) = match #p::Call::begin(&mut __parts, __body, &__PRICE).await {
            #ok(__begun) => __begun,
            #err(__response) => return __response,
        };
        #extracted
        let __charge = match __call.reserve().await {
            #ok(__charge) => __charge,
            #err(__response) => return __response,
        };
        let __response = #response;
        __charge.settle(__response).await
    }
}

/// One binding for each argument. The type stands in the turbofish, so that a missing bound is reported on it.
fn extract(handler: &Handler<'_>, std: &Std) -> TokenStream {
    let p = &handler.raw.private;
    let Std { ok, err, .. } = std;
    let names = argument_names(handler);
    let last = names.len().saturating_sub(1);
    let bindings = handler.arguments.iter().enumerate().map(|(index, ty)| {
        let name = &names[index];
        let (parts, body) = (format_ident!("__parts"), format_ident!("__body"));
        let (start, end) = ends(ty);
        let p = p.at(start);
        let extraction = if index == last {
            let arguments = quote_spanned!(end=> (#parts, #body));
            quote_spanned!(start=> #p::from_request::<#ty, _> #arguments)
        } else {
            let arguments = quote_spanned!(end=> (&mut #parts));
            quote_spanned!(start=> #p::from_parts::<#ty> #arguments)
        };
        let awaited = quote_spanned!(end=> .await);
        let metered = refuse_meter(handler, ty);
        quote! {
            #metered
            let #name = match #extraction #awaited {
                #ok(__value) => __value,
                #err(__response) => return __response,
            };
        }
    });
    quote!(#(#bindings)*)
}

/// A `Meter` counts up to a maximum; what is only called like one is told apart by its type.
fn refuse_meter(handler: &Handler<'_>, ty: &Type) -> Option<TokenStream> {
    let has_maximum = handler.price.as_ref().is_some_and(|price| price.limit == Limit::UpTo);
    let Type::Path(path) = ty else { return None };
    if has_maximum || path.path.segments.last()?.ident != "Meter" {
        return None;
    }
    let (start, end) = ends(ty);
    let p = handler.raw.private.at(start);
    let generic = quote_spanned!(end=> ::<#p::NoMaximum>());
    let check = quote_spanned!(start=> #p::Unmetered::<#ty>::check #generic);
    Some(quote! {
        {
            #[allow(unused_imports)]
            use #p::UnmeteredType as _;
            #check;
        }
    })
}

/// Where something begins and ends: code between the two is reported in its place.
fn ends(written: &impl ToTokens) -> (Span, Span) {
    let tokens = written.to_token_stream();
    let end = match tokens.into_iter().last() {
        Some(TokenTree::Group(group)) => group.span_close(),
        Some(token) => token.span(),
        None => Span::call_site(),
    };
    (written.span(), end)
}

fn argument_names(handler: &Handler<'_>) -> Vec<Ident> {
    (0..handler.arguments.len()).map(|index| format_ident!("__a{index}")).collect()
}

fn price_const(handler: &Handler<'_>, price: &Price<'_>, std: &Std) -> TokenStream {
    let p = &handler.raw.private;
    let constructor = match price.limit {
        Limit::Exact => "exact",
        Limit::UpTo => "up_to",
    };
    let amount = match &price.amount {
        Amount::Units(units) => {
            let constructor = format_ident!("{constructor}");
            quote!(#p::Price::#constructor(#p::Cents::from_units(#units)))
        }
        Amount::Const(constant) => {
            // A constant that is no price fails in here: report it where it is named.
            let span = constant.span();
            let p = p.at(span);
            let constructor = Ident::new(constructor, span);
            quote_spanned!(span=> #p::Price::#constructor(#constant))
        }
    };
    let hold_seconds = price.hold_seconds;
    let route = match &handler.route {
        Some(route) => {
            let method = route.method.attribute().to_uppercase();
            let path = route.path.value();
            let label = format!("{method} {path}");
            quote!(#label)
        }
        None => {
            let Std { concat, module_path, .. } = std;
            let name = handler.raw.signature.ident.unraw().to_string();
            quote!(#concat(#module_path, "::", #name))
        }
    };
    quote! {
        const __PRICE: #p::Price = #amount.hold_seconds(#hold_seconds).route(#route);
    }
}

/// The same token in the same place, but as generated code: lints are silent about it.
fn generated(mut token: TokenTree) -> TokenTree {
    // `$crate` is resolved by its own span.
    if token.to_string() != "$crate" {
        token.set_span(Span::call_site().located_at(token.span()));
    }
    token
}
