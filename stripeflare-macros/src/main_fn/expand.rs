//! Hands the function to `stripeflare::__private::entry!`, the glue between it and the Workers runtime.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;

use super::parse::RawMain;
use super::validate::Entry;

/// `recorded` is the user type that the schema lock is about.
pub(super) fn expand(entry: &Entry<'_>, recorded: Option<&str>) -> TokenStream {
    let RawMain { private: p, function, .. } = entry.raw;
    let Entry { app, version, .. } = entry;
    let build = &function.sig.ident;
    let check = recorded.map(|name| {
        let p = p.at(app.span());
        quote_spanned!(app.span()=> const _: () = #p::check_recorded_user::<<#app as #p::AppType>::User>(#name);)
    });
    let section = stripeflare_schema::SECTION;
    quote! {
        #function
        #p::entry! { #version, #build, #app, #section }
        #check
    }
}

/// After a mistake: the user's function alone.
pub(super) fn fallback(raw: &RawMain) -> TokenStream {
    let function = &raw.function;
    quote!(#function)
}
