//! What the values must keep to, so that each is read as it was written.

use std::collections::HashMap;

use syn::Data;
use syn::spanned::Spanned;

use super::parse::Values;
use crate::errors::Errors;

pub(super) fn validate(values: &Values<'_>, errors: &mut Errors) {
    if let Some(parameter) = values.input.generics.params.first() {
        errors.push(parameter.span(), "a `ColumnEnum` cannot be generic");
    }
    if matches!(values.input.data, Data::Enum(_)) && values.variants.is_empty() {
        errors.push(values.input.ident.span(), "an enum without variants has no value to store");
    }
    let mut seen = HashMap::new();
    for variant in &values.variants {
        if let Some(span) = variant.fields {
            let message = "a variant with fields is no single text: store the enum with `#[column(json)]` instead";
            errors.push(span, message);
        }
        if let Some(first) = seen.insert(&variant.stored, variant.ident) {
            let message = format!("`{first}` is stored as {:?} already", variant.stored);
            errors.push(variant.span, message);
        }
    }
}
