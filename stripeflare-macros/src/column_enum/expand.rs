//! Writes the implementation of `Column`.

use proc_macro2::TokenStream;
use quote::quote;

use super::parse::Values;
use crate::paths::Std;

pub(super) fn expand(values: &Values<'_>) -> TokenStream {
    let p = &values.private;
    let ident = &values.input.ident;
    let Std { option, string, .. } = Std::new();
    let variants = values.variants.iter().map(|variant| variant.ident).collect::<Vec<_>>();
    let stored = values.variants.iter().map(|variant| &variant.stored).collect::<Vec<_>>();
    quote! {
        #[automatically_derived]
        impl #p::Column for #ident {
            const TYPE: #p::ColumnType = #p::ColumnType::Text;
            const VALUES: &'static [&'static str] = &[#(#stored),*];
            fn to_value(&self) -> #p::Value {
                #p::Value::Text(#string::from(match self {
                    #(Self::#variants => #stored,)*
                }))
            }
            fn from_value(__value: #p::Value) -> #option<Self> {
                let #p::Value::Text(__text) = __value else { return #option::None };
                match &*__text {
                    #(#stored => #option::Some(Self::#variants),)*
                    _ => #option::None,
                }
            }
        }
    }
}

/// After a mistake: a column all the same, so that only the mistake is reported.
pub(super) fn fallback(values: &Values<'_>) -> TokenStream {
    if !values.input.generics.params.is_empty() {
        return TokenStream::new();
    }
    let p = &values.private;
    let ident = &values.input.ident;
    let Std { option, unreachable, .. } = Std::new();
    quote! {
        #[automatically_derived]
        impl #p::Column for #ident {
            const TYPE: #p::ColumnType = #p::ColumnType::Text;
            fn to_value(&self) -> #p::Value {
                #unreachable
            }
            fn from_value(_: #p::Value) -> #option<Self> {
                #unreachable
            }
        }
    }
}
