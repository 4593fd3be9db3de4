//! Writes the code: beside each handler a hidden type of its name, which `routes!` finds; a priced one's function takes the
//! whole request and charges for it, and the type has what the user wrote.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{GenericArgument, PathArguments, Type};

use super::model::{Amount, Answer, Handler, Limit, Price, RawHandler};
use super::validate::{arguments, last_segment};
use crate::paths::{Private, Std};

pub(super) fn expand(handler: &Handler<'_>) -> TokenStream {
    let std = Std::new();
    let raw = handler.raw;
    let run = run(handler, &std);
    let path = handler.path.as_ref().map(ToTokens::to_token_stream);
    items(raw, &run, path.as_ref(), &std)
}

/// Code in the place of a handler with a mistake: the names are there and the types fit.
pub(super) fn fallback(raw: &RawHandler) -> TokenStream {
    let std = Std::new();
    let Std { concat, module_path, unreachable, .. } = &std;
    let imports = imports(raw);
    let name = raw.signature.ident.unraw().to_string();
    // A path of its own, so that `routes!` sees no second handler for it.
    let path = raw.route.as_ref().map(|_| quote!(#concat("/", #module_path, "::", #name)));
    items(raw, &quote!(#imports #unreachable), path.as_ref(), &std)
}

/// `run` makes `__request` a response.
fn items(raw: &RawHandler, run: &TokenStream, path: Option<&TokenStream>, std: &Std) -> TokenStream {
    let p = &raw.private;
    let ident = &raw.signature.ident;
    let hidden = hidden_type(raw);
    if raw.price.is_none() {
        let function = as_written(raw);
        let route = path.map(|path| route(raw, path, &quote!(|__request| { #run }), std));
        return quote!(#function #hidden #route);
    }
    let route = path.map(|path| route(raw, path, &quote!(#ident), std));
    let uncharged = uncharged(raw);
    let outside = raw.attributes.iter().filter(|attribute| place(attribute) != Place::Inside);
    let visibility = &raw.visibility;
    quote! {
        #(#outside)*
        #visibility fn #ident(__request: #p::Request) -> #p::ResponseFuture {
            #run
        }
        #hidden
        #uncharged
        #route
    }
}

/// Uses of the attributes that were taken off: their imports would look unused.
fn imports(raw: &RawHandler) -> TokenStream {
    let imports = raw.taken.iter().map(|path| {
        let (_, end) = ends(path);
        let path = all_generated(path);
        // One that is missing is reported where the attribute stands.
        let unnamed = quote_spanned!(Span::call_site().located_at(end)=> as _);
        quote!(use #path #unnamed;)
    });
    quote!(#(#imports)*)
}

/// What stays of a handler in an `impl` block.
pub(super) fn in_impl(raw: &RawHandler) -> TokenStream {
    let RawHandler { attributes, visibility, signature, body, .. } = raw;
    let imports = imports(raw);
    quote!(#(#attributes)* #visibility #signature { #imports #body })
}

/// The handler as the user wrote it.
fn as_written(raw: &RawHandler) -> TokenStream {
    let RawHandler { attributes, visibility, signature, body, .. } = raw;
    quote!(#(#attributes)* #visibility #signature #body)
}

fn conditions(raw: &RawHandler) -> Vec<&syn::Attribute> {
    raw.attributes.iter().filter(|attribute| attribute.path().is_ident("cfg")).collect()
}

/// The type of the handler's name.
fn hidden_type(raw: &RawHandler) -> TokenStream {
    let conditions = conditions(raw);
    // What an editor shows of the name in `routes!`.
    let documentation = raw.attributes.iter().filter(|attribute| attribute.path().is_ident("doc"));
    let visibility = all_generated(&raw.visibility);
    let ident = generated(raw.signature.ident.clone().into());
    quote! {
        #(#conditions)*
        #(#documentation)*
        #[doc(hidden)]
        #visibility struct #ident {}
    }
}

/// What `routes!` asks the hidden type.
fn route(raw: &RawHandler, path: &TokenStream, endpoint: &TokenStream, std: &Std) -> Option<TokenStream> {
    let p = &raw.private;
    let Std { concat, module_path, .. } = std;
    let conditions = conditions(raw);
    let ident = generated(raw.signature.ident.clone().into());
    let name = raw.signature.ident.unraw().to_string();
    let method = raw.route.as_ref()?.method.variant();
    let rows = rows(raw);
    // Meant for those who call it.
    let deprecated = raw.attributes.iter().any(|attribute| attribute.path().is_ident("deprecated"));
    let allowed = deprecated.then(|| quote!(#[allow(deprecated)]));
    Some(quote! {
        #(#conditions)*
        #allowed
        #[automatically_derived]
        impl #p::Route for #ident {
            const METHOD: #p::Method = #p::Method::#method;
            const PATH: &'static str = #path;
            const NAME: &'static str = #concat(#module_path, "::", #name);
            const ENDPOINT: #p::Endpoint = #endpoint;
        }
        #(#conditions)*
        #[automatically_derived]
        impl<__U> #p::RouteOf<__U> for #ident where #(#rows: #p::RowOf<__U>),* {}
    })
}

/// The types of columns that its arguments name: those of an `Account<…>`.
fn rows(raw: &RawHandler) -> Vec<&Type> {
    let generics = arguments(&raw.signature).into_iter().filter_map(account);
    let rows = generics.filter_map(|generics| match generics {
        PathArguments::AngleBracketed(generics) => match generics.args.first()? {
            GenericArgument::Type(row) if !matches!(row, Type::Tuple(unit) if unit.elems.is_empty()) => Some(row),
            _ => None,
        },
        _ => None,
    });
    rows.collect()
}

/// What stands after the name of an `Account`.
fn account(ty: &Type) -> Option<&PathArguments> {
    let last = last_segment(ty)?;
    (last.ident == "Account").then_some(&last.arguments)
}

/// A priced handler as the user wrote it, as a function of the hidden type.
fn uncharged(raw: &RawHandler) -> TokenStream {
    let RawHandler { signature, body, .. } = raw;
    let conditions = conditions(raw);
    let inside = raw.attributes.iter().filter(|attribute| place(attribute) != Place::Outside);
    let visibility = all_generated(&raw.visibility);
    let ident = generated(signature.ident.clone().into());
    let mut signature = signature.clone();
    signature.ident = uncharged_name(&signature.ident);
    quote! {
        #(#conditions)*
        impl #ident {
            #(#inside)*
            #visibility #signature #body
        }
    }
}

/// Found where the user wrote the handler's name.
fn uncharged_name(handler: &Ident) -> Ident {
    Ident::new("uncharged", Span::call_site().located_at(handler.span()))
}

/// Where an attribute of a priced handler goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// It says something about the name.
    Outside,
    /// It wants the handler itself.
    Inside,
    /// It silences or denies something in either.
    Both,
}

fn place(attribute: &syn::Attribute) -> Place {
    let is_one = |names: &[&str]| names.iter().any(|name| attribute.path().is_ident(name));
    if is_one(&["doc", "cfg", "deprecated", "must_use"]) {
        Place::Outside
    } else if is_one(&["allow", "warn", "deny", "forbid"]) {
        Place::Both
    } else {
        Place::Inside
    }
}

/// From `__request` to a response: extract, reserve, run, settle.
fn run(handler: &Handler<'_>, std: &Std) -> TokenStream {
    let (private, p) = (&handler.raw.private, Private::short());
    let ok = &std.ok;
    let imports = imports(handler.raw);
    let extracted = extract(handler);
    let names = argument_names(handler);
    let parts = match names.len() {
        0 => quote!(_, _),
        1 => quote!(__parts, __body),
        _ => quote!(mut __parts, __body),
    };
    let converted = match &handler.answer {
        Answer::Unit => quote!(#p::into_response::<(), _>),
        Answer::Named(ty) => quote!(#p::into_response::<#ty, _>),
        Answer::Unnamed => quote!(#p::into_response),
    };
    let ident = &handler.raw.signature.ident;
    let Some(price) = &handler.price else {
        return quote! {
            use #private as #p;
            #imports
            #p::run(async move {
                let (#parts) = #p::into_parts(__request);
                #extracted
                #ok(#converted(#ident(#(#names),*).await))
            })
        };
    };
    let reserve = reserve(price, &names);
    let price = price_const(price);
    let (ident, uncharged) = (generated(ident.clone().into()), uncharged_name(ident));
    quote! {
        use #private as #p;
        #imports
        #price
        #p::run(async move {
            let (__call, #parts) = #p::Call::begin(__request, &__PRICE).await?;
            #extracted
            #reserve
            let __response = #converted(#ident::#uncharged(#(#names),*).await);
            #ok(__charge.settle(__response).await)
        })
    }
}

/// One binding for each argument. The type stands in the turbofish, so that a missing bound is reported on it.
fn extract(handler: &Handler<'_>) -> TokenStream {
    let p = Private::short();
    let names = argument_names(handler);
    let last = names.len().saturating_sub(1);
    let bindings = handler.arguments.iter().enumerate().map(|(index, ty)| {
        let name = &names[index];
        let (parts, body) = (format_ident!("__parts"), format_ident!("__body"));
        let (start, end) = ends(ty);
        let p = p.at(start);
        let extraction = if index == last {
            let arguments = quote_spanned!(end=> (#parts, #body));
            match account(ty) {
                Some(_) => quote_spanned!(start=> #p::account_from_request::<#ty> #arguments),
                None => quote_spanned!(start=> #p::from_request::<#ty, _> #arguments),
            }
        } else {
            let arguments = quote_spanned!(end=> (&mut #parts));
            match account(ty) {
                Some(_) => quote_spanned!(start=> #p::account_from_parts::<#ty> #arguments),
                None => quote_spanned!(start=> #p::from_parts::<#ty> #arguments),
            }
        };
        let awaited = quote_spanned!(end=> .await);
        let metered = refuse_meter(handler, ty);
        quote! {
            #metered
            let #name = #extraction #awaited?;
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
    let p = Private::short().at(start);
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

fn price_const(price: &Price<'_>) -> TokenStream {
    let p = Private::short();
    let limit = if price.limit == Limit::Exact { "exact" } else { "up_to" };
    let of_amount = match &price.amount {
        Amount::Function(_) => quote!(#p::Price::asked()),
        amount => from_amount(limit, None, amount),
    };
    let in_range = match &price.least {
        Some(least) => from_amount("least", Some(&of_amount), least),
        None => of_amount,
    };
    let hold_seconds = price.hold_seconds;
    let label = price.label.map(|label| quote!(.label(#label)));
    quote! {
        const __PRICE: #p::Price = #in_range.hold_seconds(#hold_seconds)#label;
    }
}

/// A constant that is no price fails in here: it is reported where it is named.
fn from_amount(constructor: &str, of: Option<&TokenStream>, amount: &Amount<'_>) -> TokenStream {
    let p = Private::short();
    let of = of.map(|price| quote!(#price,));
    match amount {
        Amount::Units(units) => {
            let constructor = format_ident!("{constructor}");
            quote!(#p::Price::#constructor(#of #p::Cents::from_units(#units)))
        }
        Amount::Const(constant) | Amount::Function(constant) => {
            let span = constant.span();
            let (p, constructor) = (p.at(span), Ident::new(constructor, span));
            quote_spanned!(span=> #p::Price::#constructor(#of #constant))
        }
    }
}

fn reserve(price: &Price<'_>, arguments: &[Ident]) -> TokenStream {
    let Amount::Function(function) = &price.amount else {
        return quote!(let __charge = __call.reserve().await?;);
    };
    let (start, end) = ends(function);
    let arguments = quote_spanned!(end=> (#(&#arguments),*));
    let asked = quote_spanned!(start=> __price #arguments);
    let reserved = quote_spanned!(start=> __call.reserve_asked(#asked));
    quote! {
        let __price = #function;
        let __charge = #reserved.await?;
    }
}

fn all_generated(written: &impl ToTokens) -> TokenStream {
    written.to_token_stream().into_iter().map(generated).collect()
}

/// The same token in the same place, but as generated code: lints are silent about it.
fn generated(mut token: TokenTree) -> TokenTree {
    // `$crate` is resolved by its own span.
    if token.to_string() != "$crate" {
        token.set_span(Span::call_site().located_at(token.span()));
    }
    token
}
