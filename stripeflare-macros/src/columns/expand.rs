//! Writes the implementations of `Columns`, and of `StripeUser` or `StripeTable`.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use stripeflare_schema::lock::{FILE, History};
use syn::ext::IdentExt;
use syn::spanned::Spanned;

use super::default::{Default, is_real};
use super::lock;
use super::model::{Column, Index, Kind, Table};
use crate::paths::{Private, Std};

pub(super) fn expand(table: &Table<'_>, recorded: Option<&History>) -> TokenStream {
    let p = &table.private;
    let ident = &table.input.ident;
    let Std { ok, result, .. } = Std::new();
    let definitions = table.columns.iter().map(|column| definition(column, p));
    let reads = table.columns.iter().map(|column| {
        let Column { field, name, ty, .. } = column;
        match column.json {
            true => quote!(#field: __row.next_json::<#ty>(#name)?),
            false => quote!(#field: __row.next::<#ty>(#name)?),
        }
    });
    let writes = table.columns.iter().map(|column| {
        let Column { field, ty, .. } = column;
        match column.json {
            true => quote!(__row.push_json::<#ty>(&self.#field);),
            false => quote!(__row.push::<#ty>(&self.#field);),
        }
    });
    let history = history(table);
    let constants = constants(table);
    let types = recorded.map(|history| types(table, history));
    let (named, row) = (named(table), row(table));
    quote! {
        #constants
        #types
        #named
        #[automatically_derived]
        impl #p::Columns for #ident {
            const COLUMNS: &'static [#p::ColumnDef] = &[#(#definitions),*];
            #history
            fn read(__row: &mut #p::ColumnReader<'_>) -> #result<Self, #p::ColumnError> {
                #ok(Self { #(#reads),* })
            }
            fn write(&self, __row: &mut #p::ColumnWriter) {
                #(#writes)*
            }
        }
        #row
    }
}

/// An `Account` of an application is read as its own type of columns.
fn row(table: &Table<'_>) -> Option<TokenStream> {
    let p = &table.private;
    let (ident, conditions) = (&table.input.ident, &table.input.generics.where_clause);
    (table.kind == Kind::User).then(|| {
        quote! {
            #[automatically_derived]
            impl #p::RowOf<#ident> for #ident #conditions {}
            #[automatically_derived]
            impl #p::RowOf<#p::NoApp> for #ident #conditions {}
        }
    })
}

/// What the struct is of.
fn named(table: &Table<'_>) -> TokenStream {
    let p = &table.private;
    let ident = &table.input.ident;
    let Some(key) = table.columns.iter().find(|column| column.key.is_some()) else {
        let name = ident.unraw().to_string();
        return quote! {
            #[automatically_derived]
            impl #p::StripeUser for #ident {
                const NAME: &'static str = #name;
            }
        };
    };
    let (name, Column { field, ty, .. }) = (&table.name, key);
    quote! {
        #[automatically_derived]
        impl #p::StripeTable for #ident {
            type Key = #ty;
            const NAME: &'static str = #name;
            fn key(&self) -> &#ty {
                &self.#field
            }
        }
    }
}

/// After a mistake: a user without columns, so that only the mistake is reported.
pub(super) fn fallback(table: &Table<'_>) -> TokenStream {
    if !table.input.generics.params.is_empty() {
        // Bounds that an implementation would need are not the user's to hear of.
        return TokenStream::new();
    }
    let p = &table.private;
    let ident = &table.input.ident;
    let conditions = &table.input.generics.where_clause;
    let Std { result, unreachable, .. } = Std::new();
    let is = match table.kind {
        Kind::User => quote!(impl #p::StripeUser for #ident #conditions {}),
        Kind::Table => quote! {
            impl #p::StripeTable for #ident #conditions {
                type Key = ::core::primitive::i64;
                const NAME: &'static str = "";
                fn key(&self) -> &Self::Key {
                    #unreachable
                }
            }
        },
    };
    let row = row(table);
    quote! {
        #[automatically_derived]
        #is
        #[automatically_derived]
        impl #p::Columns for #ident #conditions {
            const COLUMNS: &'static [#p::ColumnDef] = &[];
            fn read(_: &mut #p::ColumnReader<'_>) -> #result<Self, #p::ColumnError> {
                #unreachable
            }
            fn write(&self, _: &mut #p::ColumnWriter) {}
        }
        #row
    }
}

/// Recorded columns have the types that they were recorded with.
fn types(table: &Table<'_>, history: &History) -> TokenStream {
    let p = &table.private;
    let checks = table.columns.iter().filter_map(|column| {
        let (version, recorded) = lock::recorded(history, column)?;
        let stored = stored(column);
        let (name, column_type, nullable) = (&column.name, &recorded.column_type, recorded.nullable);
        let null = if nullable { "" } else { " NOT NULL" };
        let message = format!(
            "version {version} is recorded in {FILE} with `{name}` as {column_type}{null}, and a column keeps its type: add \
             another one with `since = {}`",
            history.last() + 1
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
    let key = column.key.map(|_| quote!(.key()));
    let json = column.json.then(|| quote!(.shown(#p::Shown::Json)));
    quote!(#defined #json #since #index #unique #public #renamed_from #key)
}

/// A constant of each field's name, to filter and to order by. JSON has no order, and of a table only what has an index is
/// found.
fn constants(table: &Table<'_>) -> Option<TokenStream> {
    let p = &table.private;
    let ident = &table.input.ident;
    let constants = table.columns.iter().filter(|column| !column.json).map(|column| {
        let Column { field, name, ty, visibility, .. } = column;
        let what = if table.kind == Kind::User { "users" } else { "rows" };
        let doc = format!("The column `{name}`, to find {what} by.");
        let (kind, value) = match is_found_by(table, column) {
            true => (quote!(Field<Self, #ty>), quote!(Field::new(#name))),
            false => (quote!(NotIndexed<Self, #ty>), quote!(NotIndexed::new())),
        };
        quote! {
            #[doc = #doc]
            #[allow(non_upper_case_globals, dead_code)]
            #visibility const #field: #p::#kind = #p::#value;
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

/// A search over all accounts' rows reads them anyway; one in a handler is for few.
fn is_found_by(table: &Table<'_>, column: &Column<'_>) -> bool {
    let begins = |index: &Index| index.columns.first().is_some_and(|first| first.unraw() == column.name);
    table.kind == Kind::User || column.key.is_some() || column.index || table.indexes.iter().any(begins)
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
fn history(table: &Table<'_>) -> TokenStream {
    let p = &table.private;
    let dropped = table.dropped.iter().map(|dropped| {
        let (name, since) = (&dropped.name, dropped.since.number);
        quote!(#p::Dropped::new(#name, #since))
    });
    let indexes = table.indexes.iter().map(|index| {
        let names = index.columns.iter().map(syn::ext::IdentExt::unraw);
        let names = names.map(|name| name.to_string());
        let since = index.since.number;
        quote!(#p::IndexDef::new(&[#(#names),*], #since))
    });
    let steps = table.steps.iter().map(|step| {
        let (version, sql) = (step.version.number, &step.sql);
        quote!(#p::Step::new(#version, #sql))
    });
    let dropped =
        (!table.dropped.is_empty()).then(|| quote!(const DROPPED: &'static [#p::Dropped] = &[#(#dropped),*];));
    let indexes =
        (!table.indexes.is_empty()).then(|| quote!(const INDEXES: &'static [#p::IndexDef] = &[#(#indexes),*];));
    let steps = (!table.steps.is_empty()).then(|| quote!(const STEPS: &'static [#p::Step] = &[#(#steps),*];));
    quote!(#dropped #indexes #steps)
}
