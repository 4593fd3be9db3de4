use proc_macro2::TokenStream;
use quote::quote;

use super::expand;
use crate::testing::{assert_golden, messages};

#[test]
fn values() {
    let item = quote! {
        #[column(crate = renamed::stripeflare)]
        pub enum Tier {
            Free,
            #[column(rename = "pro+")]
            Pro,
            VeryLarge,
        }
    };
    assert_golden("column_enum", expand(item));
}

#[test]
fn enums_that_are_no_columns() {
    let derive = |item: TokenStream| messages(expand(item));
    for (item, expected) in [
        (quote! { struct Tier; }, "`ColumnEnum` is for an enum without fields"),
        (quote! { enum Tier {} }, "an enum without variants has no value to store"),
        (quote! { enum Tier<T> { A } }, "a `ColumnEnum` cannot be generic"),
        (
            quote! { enum Tier { A, B(u8) } },
            "a variant with fields is no single text: store the enum with `#[column(json)]` instead",
        ),
        (quote! { enum Tier { A, #[column(rename = "a")] B } }, "`A` is stored as \"a\" already"),
        (
            quote! { enum Tier { #[column(renam = "a")] A } },
            "unknown key `renam`; did you mean `rename`? (known here: `rename`)",
        ),
        (
            quote! { enum Tier { #[column(rename = 1)] A } },
            "`rename` takes a string literal, as in `rename = \"pro+\"`",
        ),
    ] {
        assert_eq!(derive(item.clone()), [expected], "{item}");
    }
}
