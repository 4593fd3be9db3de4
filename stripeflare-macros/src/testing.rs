//! Helpers of unit tests: expansions are compared with files under `tests/golden`, formatted.

use std::env;
use std::fs;
use std::path::Path;

use proc_macro2::TokenStream;

use crate::errors::Expansion;

/// Compares a faultless expansion with its golden file. `UPDATE_GOLDEN=1 cargo test` writes the files anew.
#[track_caller]
pub(crate) fn assert_golden(name: &str, expansion: Expansion) {
    let tokens = expansion.tokens;
    let messages = expansion.errors.into_messages();
    assert!(messages.is_empty(), "unexpected mistakes: {messages:#?}");
    let formatted = format(tokens);
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(format!("{name}.rs"));
    if env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&file, formatted).expect("the golden file can be written");
        return;
    }
    let golden = fs::read_to_string(&file).unwrap_or_default();
    assert!(
        golden == formatted,
        "the expansion is no longer that of {}; if it should be this one, run with UPDATE_GOLDEN=1:\n{formatted}",
        file.display()
    );
}

/// The messages of an expansion that has mistakes; its code must still be Rust.
#[track_caller]
pub(crate) fn messages(expansion: Expansion) -> Vec<String> {
    format(expansion.tokens);
    expansion.errors.into_messages()
}

#[track_caller]
fn format(tokens: TokenStream) -> String {
    let file = syn::parse2(tokens).expect("the expansion is a list of items");
    prettyplease::unparse(&file)
}
