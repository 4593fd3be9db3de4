//! Writes the implementation of `StripeUser`.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use stripeflare_schema::lock::{FILE, Lock};
use syn::ext::IdentExt;
use syn::spanned::Spanned;

use super::default::{Default, is_real};
use super::lock;
use super::model::{Column, User};
use crate::paths::{Private, Std};

pub(super) fn expand(user: &User<'_>, recorded: Option<&Lock>) -> TokenStream {
    let p = &user.private;
    let ident = &user.input.ident;
    let Std { ok, result, .. } = Std::new();
    let definitions = user.columns.iter().map(|column| definition(column, p));
    let reads = user.columns.iter().map(|column| {
        let Column { field, name, ty, .. } = column;
        match column.json {
            true => quote!(#field: __row.next_json::<#ty>(#name)?),
            false => quote!(#field: __row.next::<#ty>(#name)?),
        }
    });
    let writes = user.columns.iter().map(|column| {
        let Column { field, ty, .. } = column;
        match column.json {
            true => quote!(__row.push_json::<#ty>(&self.#field);),
            false => quote!(__row.push::<#ty>(&self.#field);),
        }
    });
    let history = history(user);
    let constants = constants(user);
    let types = recorded.map(|lock| types(user, lock));
    let name = ident.unraw().to_string();
    quote! {
        #constants
        #types
        #[automatically_derived]
        impl #p::StripeUser for #ident {
            const NAME: &'static str = #name;
            const COLUMNS: &'static [#p::ColumnDef] = &[#(#definitions),*];
            #history
            fn read(__row: &mut #p::ColumnReader<'_>) -> #result<Self, #p::ColumnError> {
                #ok(Self { #(#reads),* })
            }
            fn write(&self, __row: &mut #p::ColumnWriter) {
                #(#writes)*
            }
        }
    }
}

/// After a mistake: a user without columns, so that only the mistake is reported.
pub(super) fn fallback(user: &User<'_>) -> TokenStream {
    if !user.input.generics.params.is_empty() {
        // Bounds that an implementation would need are not the user's to hear of.
        return TokenStream::new();
    }
    let p = &user.private;
    let ident = &user.input.ident;
    let conditions = &user.input.generics.where_clause;
    let Std { result, unreachable, .. } = Std::new();
    quote! {
        #[automatically_derived]
        impl #p::StripeUser for #ident #conditions {
            const COLUMNS: &'static [#p::ColumnDef] = &[];
            fn read(_: &mut #p::ColumnReader<'_>) -> #result<Self, #p::ColumnError> {
                #unreachable
            }
            fn write(&self, _: &mut #p::ColumnWriter) {}
        }
    }
}

/// Recorded columns have the types that they were recorded with.
fn types(user: &User<'_>, lock: &Lock) -> TokenStream {
    let p = &user.private;
    let checks = user.columns.iter().filter_map(|column| {
        let (version, recorded) = lock::recorded(lock, column)?;
        let stored = stored(column);
        let (name, column_type, nullable) = (&column.name, &recorded.column_type, recorded.nullable);
        let null = if nullable { "" } else { " NOT NULL" };
        let message = format!(
            "version {version} is recorded in {FILE} with `{name}` as {column_type}{null}, and a column keeps its type: add \
             another one with `since = {}`",
            lock.last() + 1
        );
        let p = p.at(column.ty.span());
        Some(quote_spanned! {column.ty.span()=>
            const _: () = #p::check_recorded_type::<#stored>(#column_type, #nullable, #message);
        })
    });
    quote!(#(#checks)*)
}

/// The type that SQLite's is derived from.
fn stored(column: &Column<'_>) -> TokenStream {
    let Std { option, string, .. } = Std::new();
    match (column.json, column.ty) {
        (true, _) => quote!(#option<#string>),
        (false, ty) => quote!(#ty),
    }
}

fn definition(column: &Column<'_>, p: &Private) -> TokenStream {
    let Column { name, ty, .. } = column;
    let stored = stored(column);
    let defined = match &column.default {
        Some((span, default)) => {
            let value = default_value(default, column, p);
            // A default that does not fit is reported where it is written.
            let p = p.at(*span);
            quote_spanned!(*span=> #p::column_with_default::<#stored>(#name, #value))
        }
        None => {
            let p = p.at(ty.span());
            quote_spanned!(ty.span()=> #p::column::<#stored>(#name))
        }
    };
    let renamed_from = column.renamed_from.as_ref().map(|old| quote!(.renamed_from(#old)));
    let since = column.since.map(|since| {
        let number = since.number;
        quote!(.since(#number))
    });
    let index = column.index.then(|| quote!(.index()));
    let unique = column.unique.map(|_| quote!(.unique()));
    let public = column.public.then(|| quote!(.public()));
    let json = column.json.then(|| quote!(.shown(#p::Shown::Json)));
    quote!(#defined #json #since #index #unique #public #renamed_from)
}

/// A constant of each field's name, to filter and to order by. JSON has no order.
fn constants(user: &User<'_>) -> Option<TokenStream> {
    let p = &user.private;
    let ident = &user.input.ident;
    let constants = user.columns.iter().filter(|column| !column.json).map(|column| {
        let Column { field, name, ty, visibility, .. } = column;
        let doc = format!("The column `{name}`, to find users by.");
        quote! {
            #[doc = #doc]
            #[allow(non_upper_case_globals, dead_code)]
            #visibility const #field: #p::Field<Self, #ty> = #p::Field::new(#name);
        }
    });
    let constants = constants.collect::<Vec<_>>();
    (!constants.is_empty()).then(|| {
        quote! {
            #[automatically_derived]
            impl #ident {
                #(#constants)*
            }
        }
    })
}

fn default_value(default: &Default, column: &Column<'_>, p: &Private) -> TokenStream {
    let sign = |negative: bool| negative.then(|| quote!(-));
    match default {
        Default::Text(text) => quote!(#p::DefaultValue::Text(#text)),
        Default::Bool(value) => quote!(#p::DefaultValue::Bool(#value)),
        Default::Real { negative, literal } => {
            let sign = sign(*negative);
            quote!(#p::DefaultValue::Real(#sign #literal))
        }
        Default::Integer { negative, literal } if is_real(column.ty) => {
            let sign = sign(*negative);
            let literal = proc_macro2::Literal::f64_unsuffixed(literal.base10_parse().unwrap_or_default());
            quote!(#p::DefaultValue::Real(#sign #literal))
        }
        Default::Integer { negative, literal } => {
            let sign = sign(*negative);
            quote!(#p::DefaultValue::Integer(#sign #literal))
        }
    }
}

/// What happened to the table besides new columns; the trait's own empty lists stand for nothing.
fn history(user: &User<'_>) -> TokenStream {
    let p = &user.private;
    let dropped = user.dropped.iter().map(|dropped| {
        let (name, since) = (&dropped.name, dropped.since.number);
        quote!(#p::Dropped::new(#name, #since))
    });
    let indexes = user.indexes.iter().map(|index| {
        let names = index.columns.iter().map(syn::ext::IdentExt::unraw);
        let names = names.map(|name| name.to_string());
        let since = index.since.number;
        quote!(#p::IndexDef::new(&[#(#names),*], #since))
    });
    let steps = user.steps.iter().map(|step| {
        let (version, sql) = (step.version.number, &step.sql);
        quote!(#p::Step::new(#version, #sql))
    });
    let dropped = (!user.dropped.is_empty()).then(|| quote!(const DROPPED: &'static [#p::Dropped] = &[#(#dropped),*];));
    let indexes =
        (!user.indexes.is_empty()).then(|| quote!(const INDEXES: &'static [#p::IndexDef] = &[#(#indexes),*];));
    let steps = (!user.steps.is_empty()).then(|| quote!(const STEPS: &'static [#p::Step] = &[#(#steps),*];));
    quote!(#dropped #indexes #steps)
}
