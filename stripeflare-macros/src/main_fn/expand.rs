//! Hands the function to `stripeflare::__private::entry!`, the glue between it and the Workers runtime.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use stripeflare_schema::lock::{FILE, Lock};
use syn::ItemFn;
use syn::spanned::Spanned;

use super::parse::RawMain;
use super::validate::Entry;

/// `lock` is what is recorded of the application's columns and tables.
pub(super) fn expand(entry: &Entry<'_>, lock: Option<&Lock>) -> TokenStream {
    let RawMain { private: p, function, tables, .. } = entry.raw;
    let Entry { app, version, .. } = entry;
    let build = &function.sig.ident;
    let checks = lock.map(|lock| checks(entry, lock));
    let section = stripeflare_schema::SECTION;
    let function = declared(entry.raw);
    quote! {
        #function
        #p::entry! { #version, #build, #app, #section, [#(#tables),*] }
        #checks
    }
}

/// The function; its app also carries what is listed, for tests that have nothing else of it.
fn declared(raw: &RawMain) -> TokenStream {
    let RawMain { private: p, function, tables, .. } = raw;
    if tables.is_empty() {
        return quote!(#function);
    }
    let ItemFn { attrs, vis, sig, block, .. } = function;
    let (name, output) = (&sig.ident, &sig.output);
    quote! {
        #(#attrs)*
        #vis #sig {
            fn #name() #output #block
            #name().declared(const { &[#(#p::Schema::table::<#tables>()),*] })
        }
    }
}

/// Whether the application still has what is recorded of it.
fn checks(entry: &Entry<'_>, lock: &Lock) -> TokenStream {
    let RawMain { private, tables, function, .. } = entry.raw;
    let app = entry.app;
    let user = (!lock.versions.0.is_empty()).then(|| {
        let (p, name) = (private.at(app.span()), &lock.user);
        quote_spanned!(app.span()=> const _: () = #p::check_recorded_user::<<#app as #p::AppType>::User>(#name);)
    });
    let here = tables.first().map_or_else(|| function.sig.ident.span(), Spanned::span);
    let p = private.at(here);
    let list = quote_spanned!(here=> &[#(#p::Schema::table::<#tables>()),*]);
    let tables = lock.tables.iter().map(|table| {
        let name = &table.name;
        let message = format!(
            "{FILE} records a table `{name}`, which accounts have: list its struct, as in `#[stripeflare::main(tables({}))]`",
            struct_name(name)
        );
        quote_spanned!(here=> const _: () = #p::check_recorded_table(#list, #name, #message);)
    });
    quote!(#user #(#tables)*)
}

/// What the struct of a table is called, unless it was given a name: `order_line` is of `OrderLine`.
fn struct_name(table: &str) -> String {
    let capitalized = |word: &str| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_uppercase().chain(letters).collect::<String>())
    };
    table.split('_').filter_map(capitalized).collect()
}

/// After a mistake: the user's function alone.
pub(super) fn fallback(raw: &RawMain) -> TokenStream {
    let function = &raw.function;
    quote!(#function)
}
