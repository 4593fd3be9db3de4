use std::fs;
use std::path::PathBuf;
use std::process;

use proc_macro2::TokenStream;
use quote::quote;

use super::expand_in;
use crate::errors::Expansion;
use crate::testing::{assert_golden, messages};

const GOOD: &str = r#"
    [[durable_objects.bindings]]
    name = "DORM_NAMESPACE"
    class_name = "DORM"

    [[migrations]]
    tag = "v1"
    new_sqlite_classes = ["Other", "DORM"]
"#;

fn main(arguments: TokenStream, item: TokenStream) -> Vec<String> {
    messages(expand_in(None, arguments, item))
}

fn app() -> TokenStream {
    quote! { fn app() -> App<User> { App::new() } }
}

/// A directory that is removed when the test is over.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("stripeflare-macros-{}-{name}", process::id()));
        fs::create_dir_all(&path).expect("a temporary directory can be made");
        Self(path)
    }

    fn with(name: &str, file: &str, text: &str) -> Self {
        let directory = Self::new(name);
        fs::write(directory.0.join(file), text).expect("a temporary file can be written");
        directory
    }

    fn expand(&self) -> Expansion {
        expand_in(Some(self.0.clone()), quote!(), app())
    }

    /// What is reported, without the directory.
    fn messages(&self) -> Vec<String> {
        let prefix = format!("{}/", self.0.display());
        messages(self.expand()).iter().map(|message| message.replace(&prefix, "")).collect()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // A directory left behind in the temporary one harms nobody.
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn entry_point() {
    assert_golden("entry_point", expand_in(None, quote!(version = "2", tables(Note, shop::Item)), app()));
    assert_eq!(main(quote!(tables = Note), app()), ["write `tables(Note, Item)`"]);
    assert_eq!(main(quote!(tables("note")), app()), ["write names in the list, as in `tables(Note, Item)`"]);
}

#[test]
fn signatures_that_are_no_entry_points() {
    for (item, expected) in [
        (
            quote! { async fn app() -> App<User> {} },
            "the entry point builds the app before any request: write `fn app() -> App<User>`, without `async`",
        ),
        (
            quote! { fn app(env: Env) -> App<User> {} },
            "the entry point takes no arguments: write `fn app() -> App<User>`; handlers take the environment with `Env`",
        ),
        (
            quote! { fn app<U>() -> App<U> {} },
            "the entry point cannot be generic: write `fn app() -> App<User>` with the type of your columns",
        ),
        (quote! { fn app() {} }, "the entry point returns the app: write `fn app() -> App<User>`"),
        (
            quote! { fn app() -> impl Something {} },
            "the type of your columns is read from here: write `fn app() -> App<User>`",
        ),
        (quote! { unsafe fn app() -> App<User> {} }, "the entry point is a plain `fn app() -> App<User>`"),
        (quote! { struct App; }, "`#[stripeflare::main]` goes on a function: `fn app() -> App<User>`"),
    ] {
        assert_eq!(main(quote!(), item.clone()), [expected], "{item}");
    }
    let mistakes = main(quote!(), quote! { async fn app(&self) {} });
    assert_eq!(mistakes.len(), 3, "{mistakes:#?}");
}

#[test]
fn versions() {
    let version = |text: &str| main(quote!(version = #text), app());
    for good in ["1", "2026.1_b", &"x".repeat(32)] {
        assert_eq!(version(good), [] as [&str; 0], "{good}");
    }
    assert_eq!(version(""), ["a version has at least one character; leave it out for `\"1\"`"]);
    assert_eq!(version("a-b"), ["a version is letters, digits, `_` and `.`; it cannot contain '-'"]);
    assert_eq!(version(&"x".repeat(33)), ["a version has at most 32 characters; this one has 33"]);
    assert_eq!(main(quote!(version = 2), app()), ["`version` takes a string literal, as in `version = \"2\"`"]);
    assert_eq!(main(quote!("2"), app()), ["an argument needs its key, as in `version = \"2\"`"]);
    assert_eq!(
        main(quote!(verison = "2"), app()),
        ["unknown key `verison`; did you mean `version`? (known here: `version`, `tables`, `crate`)"]
    );
}

#[test]
fn a_good_configuration_is_watched() {
    let directory = Directory::with("good", "wrangler.toml", GOOD);
    let expansion = directory.expand();
    assert!(expansion.errors.into_messages().is_empty());
    let file = directory.0.join("wrangler.toml").display().to_string();
    let watch = quote!(
        const _: &[u8] = ::core::include_bytes!(#file);
    );
    let tokens = expansion.tokens.to_string();
    assert!(tokens.ends_with(&watch.to_string()), "{tokens}");
}

#[test]
fn the_nearest_configuration_above_counts() {
    let directory = Directory::with("above", "wrangler.toml", "");
    let inner = directory.0.join("worker");
    fs::create_dir_all(&inner).expect("a temporary directory can be made");
    let mistakes = messages(expand_in(Some(inner.clone()), quote!(), app()));
    assert_eq!(mistakes.len(), 2, "{mistakes:#?}");
    fs::write(inner.join("wrangler.toml"), GOOD).expect("a temporary file can be written");
    let mistakes = messages(expand_in(Some(inner), quote!(), app()));
    assert_eq!(mistakes, [] as [&str; 0]);
}

#[test]
fn what_is_missing_is_shown_as_it_should_be_written() {
    let directory = Directory::with("missing", "wrangler.toml", "name = \"worker\"");
    assert_eq!(
        directory.messages(),
        [
            "wrangler.toml: the Durable Object binding `DORM_NAMESPACE` is missing; add\n\n    \
             [[durable_objects.bindings]]\n    name = \"DORM_NAMESPACE\"\n    class_name = \"DORM\"\n",
            "wrangler.toml: the migration that creates the class `DORM` is missing; add\n\n    \
             [[migrations]]\n    tag = \"v1\"\n    new_sqlite_classes = [\"DORM\"]\n",
        ]
    );
}

#[test]
fn configurations_that_are_almost_right() {
    for (name, from, to, expected) in [
        (
            "class",
            "class_name = \"DORM\"",
            "class_name = \"Dorm\"",
            "wrangler.toml: the binding `DORM_NAMESPACE` names the class `Dorm`; write `class_name = \"DORM\"`",
        ),
        (
            "old-storage",
            "new_sqlite_classes",
            "new_classes",
            "wrangler.toml: `new_classes` gives the class `DORM` no SQLite storage; write `new_sqlite_classes = [\"DORM\"]`",
        ),
    ] {
        let directory = Directory::with(name, "wrangler.toml", &GOOD.replace(from, to));
        assert_eq!(directory.messages(), [expected]);
    }
}

#[test]
fn a_class_may_be_declared_by_exports() {
    let bindings = GOOD.split("[[migrations]]").next().unwrap_or_default();
    let text = format!("{bindings}\n[exports.DORM]\ntype = \"durable-object\"\nstorage = \"sqlite\"\n");
    let directory = Directory::with("exports", "wrangler.toml", &text);
    assert_eq!(directory.messages(), [] as [&str; 0]);
    let directory = Directory::with("exports-kv", "wrangler.toml", &text.replace("sqlite", "legacy-kv"));
    assert_eq!(
        directory.messages(),
        ["wrangler.toml: the storage of the class `DORM` is `legacy-kv`; write `storage = \"sqlite\"`"]
    );
    let gone = text.replace("storage = \"sqlite\"", "state = \"deleted\"");
    let directory = Directory::with("exports-gone", "wrangler.toml", &gone);
    assert_eq!(directory.messages().len(), 1);
}

#[test]
fn invalid_toml_is_reported_with_its_place() {
    let directory = Directory::with("invalid", "wrangler.toml", "name = \n");
    let mistakes = directory.messages();
    assert_eq!(mistakes.len(), 1, "{mistakes:#?}");
    assert!(mistakes[0].starts_with("wrangler.toml is no valid TOML: TOML parse error at line 1"), "{}", mistakes[0]);
}

#[test]
fn a_json_configuration_is_checked_before_a_toml() {
    let good = r#"{
        "name": "worker", "limits": { "cpu_ms": 50 }, "tail_consumers": null, // wrangler takes comments
        "durable_objects": { "bindings": [{ "name": "DORM_NAMESPACE", "class_name": "DORM" }] },
        "migrations": [{ "tag": "v1", "new_sqlite_classes": ["DORM"] }],
    }"#;
    for name in ["wrangler.json", "wrangler.jsonc"] {
        let directory = Directory::with(name, name, good);
        fs::write(directory.0.join("wrangler.toml"), "").expect("a temporary file can be written");
        assert_eq!(directory.messages(), [] as [&str; 0]);
        fs::write(directory.0.join(name), "{}").expect("a temporary file can be written");
        let mistakes = directory.messages();
        assert_eq!(mistakes.len(), 2, "{mistakes:#?}");
        assert!(mistakes[0].contains("\"durable_objects\": { \"bindings\""), "{}", mistakes[0]);
        fs::write(directory.0.join(name), "{ \"name\": 1\n \"main\": 2 }").expect("a temporary file can be written");
        let mistakes = directory.messages();
        assert!(mistakes[0].starts_with(&format!("{name} is no valid JSON: ")), "{}", mistakes[0]);
        assert!(mistakes[0].contains("on line 1 "), "{}", mistakes[0]);
    }
}
