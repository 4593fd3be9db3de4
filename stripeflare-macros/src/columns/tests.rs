use proc_macro2::TokenStream;
use quote::quote;

use super::{Kind, expand, expand_in};
use crate::testing::{assert_golden, messages};

fn derive(item: TokenStream) -> Vec<String> {
    messages(expand(Kind::User, item))
}

/// What a struct with one field reports.
fn field(tokens: &TokenStream) -> Vec<String> {
    derive(quote! { struct User { #tokens } })
}

#[test]
fn columns() {
    let item = quote! {
        pub struct User {
            #[column(default = "free", index)]
            tier: String,
            #[column(since = 2, default = -3, public)]
            points: i64,
            #[column(default = 1)]
            factor: f64,
            #[column(default = true)]
            news: bool,
            #[column(unique, since = 2, renamed_from = "kind")]
            r#type: Option<String>,
            #[column(since = 2, json)]
            settings: Option<Settings>,
        }
    };
    assert_golden("user", expand(Kind::User, item));
}

#[test]
fn history() {
    let item = quote! {
        #[stripe_user(crate = renamed::stripeflare, dropped(name = "legacy", since = 3))]
        #[stripe_user(index(columns = [tier, points], since = 2), index(columns = [points], since = 2))]
        #[stripe_user(migration(version = 4, sql = "UPDATE users SET points = points * 10"))]
        struct User {
            tier: String,
            points: i64,
        }
    };
    assert_golden("user_history", expand(Kind::User, item));
}

#[test]
fn a_user_without_columns() {
    assert_golden("user_without_columns", expand(Kind::User, quote! { struct User; }));
    assert!(derive(quote! { struct User {} }).is_empty());
}

#[test]
fn items_that_are_no_users() {
    const SHAPE: &str = "`StripeUser` is for a struct with named fields, one for each column";
    for (item, expected) in [
        (quote! { struct User(String); }, SHAPE),
        (quote! { enum User { A } }, SHAPE),
        (quote! { union User { a: u8 } }, SHAPE),
        (quote! { struct User<T> { a: T } }, "a `StripeUser` cannot be generic: its columns are those of one table"),
        (
            quote! { #[column(index)] struct User { a: u8 } },
            "`#[column(…)]` goes on a field; for the struct write `#[stripe_user(…)]`",
        ),
        (
            quote! { #[stripe_user(drop(name = "a", since = 2))] struct User { b: u8 } },
            "unknown key `drop`; did you mean `dropped`? (known here: `dropped`, `index`, `migration`, `crate`)",
        ),
        (
            quote! { #[stripe_user(dropped(name = "a"))] struct User { b: u8 } },
            "something is missing here: write `dropped(name = \"legacy\", since = 3)`",
        ),
        (
            quote! { #[stripe_user(dropped(name = "A", since = 2))] struct User { a: u8 } },
            "`A` is still a field of this struct; remove one of them",
        ),
        (
            quote! { #[stripe_user(dropped(name = "a b", since = 2))] struct User { a: u8 } },
            "\"a b\" cannot be the name of a column",
        ),
        (
            quote! {
                struct User {
                    #[column(since = 2, renamed_from = "A")] b: Option<u8>,
                    #[column(since = 2, renamed_from = "a")] c: Option<u8>
                }
            },
            "`a` was renamed to another column of this struct already",
        ),
        (
            quote! {
                #[stripe_user(dropped(name = "A", since = 3))]
                struct User { #[column(since = 2, renamed_from = "a")] b: Option<u8> }
            },
            "`A` is dropped or renamed already",
        ),
        (
            quote! { #[stripe_user(index(columns = [tire], since = 2))] struct User { tier: u8 } },
            "there is no column `tire` in this struct",
        ),
        (
            quote! { #[stripe_user(index(columns = [a, a], since = 2))] struct User { a: u8 } },
            "`a` is in this index twice",
        ),
        (
            quote! { #[stripe_user(index(columns = a, since = 2))] struct User { a: u8 } },
            "write the fields in brackets, as in `columns = [tier, created_at]`",
        ),
        (
            quote! {
                #[stripe_user(migration(version = 2, sql = "a"), migration(version = 2, sql = "b"))]
                struct User { a: u8 }
            },
            "version 2 has a migration already",
        ),
        (
            quote! { struct User { Tier: String, tier: String } },
            "`tier` and `Tier` are one column: SQLite's names have no upper and lower case",
        ),
    ] {
        assert_eq!(derive(item.clone()), [expected], "{item}");
    }
}

#[test]
fn fields_that_are_no_columns() {
    for (tokens, expected) in [
        (quote! { Balance: i64 }, "`Balance` is a column of the wallet, which every account has; choose another name"),
        (quote! { sqlite_x: i64 }, "names starting with `sqlite_` belong to SQLite; choose another one"),
        (quote! { __x: i64 }, "names starting with `__` are kept for stripeflare; choose another one"),
        (
            quote! { #[column(defualt = 1)] a: i64 },
            "unknown key `defualt`; did you mean `default`? (known here: `default`, `index`, `unique`, `since`, `public`, \
             `json`, `renamed_from`)",
        ),
        (quote! { #[column(index = true)] a: i64 }, "`index` takes no value: write just `index`"),
        (quote! { #[column(index)] #[column(index)] a: i64 }, "`index` is written twice"),
        (quote! { #[column(since = 0)] a: i64 }, "versions count from 1, the first one"),
        (quote! { #[column(since = "2")] a: i64 }, "`since` takes a whole number, as in `since = 2`"),
        (
            quote! { #[column(since = 3, default = 1)] a: i64 },
            "version 3 follows version 1 here: versions count up without gaps, so write 2",
        ),
        (
            quote! { #[column(since = 2)] a: i64 },
            "rows of version 1 have no `a` yet: give it a `default = …`, or make it an `Option`",
        ),
        (
            quote! { #[column(unique, default = 1)] a: i64 },
            "`a` has one default for every row, so it cannot be `unique`; leave one of them out",
        ),
        (
            quote! { #[column(default = 1)] a: String },
            "the default of `a` must be a string, as in `default = \"free\"`",
        ),
        (
            quote! { #[column(default = 1)] a: Option<bool> },
            "the default of `a` must be `default = true` or `default = false`",
        ),
        (quote! { #[column(default = -1)] a: u8 }, "the default of `a` must be from 0 to 255"),
        (quote! { #[column(default = 300)] a: std::option::Option<u8> }, "the default of `a` must be from 0 to 255"),
        (quote! { #[column(default = 0.5)] a: i64 }, "the default of `a` must be a whole number, as in `default = 0`"),
        (quote! { #[column(default = true)] a: f64 }, "the default of `a` must be a number, as in `default = 0.5`"),
        (
            quote! { #[column(default = DEFAULT)] a: i64 },
            "a default is a literal without a suffix: a string, a whole or a decimal number, `true` or `false`",
        ),
        (
            quote! { #[column(json, default = 1)] a: Settings },
            "a `json` column's default is a string of JSON, as in `default = \"{}\"`",
        ),
        (quote! { #[column(renamed_from = "a")] a: i64 }, "`a` has this name already"),
        (
            quote! { #[column(renamed_from = "b")] a: i64 },
            "say which version renamed `b`: write `since = 2` or later beside it",
        ),
        (
            quote! { #[column(unique)] a: String },
            "new rows have no `a` yet, and all the same one: make a `unique` column an `Option`",
        ),
        (
            quote! { #[column(unique, json)] a: Option<Settings> },
            "`a` is JSON, which has many spellings for one value, so it cannot be `unique`",
        ),
        (
            quote! { a: u64 },
            "`u64` cannot be a column: whole numbers are stored up to 2^53 - 1, with a sign: write `i64`, or `u32`",
        ),
        (quote! { a: Option<f32> }, "`f32` cannot be a column: numbers are stored with 64 bits: write `f64`"),
        (
            quote! { a: std::time::SystemTime },
            "`SystemTime` cannot be a column: moments are stored as milliseconds since 1970: write `stripeflare::Timestamp`",
        ),
        (
            quote! { #[column(default = 9007199254740992)] a: i64 },
            "the default of `a` must be from -9007199254740991 to 9007199254740991",
        ),
        (
            quote! { #[stripe_user(index)] a: i64 },
            "`#[stripe_user(…)]` goes on the struct; for a field write `#[column(…)]`",
        ),
    ] {
        assert_eq!(field(&tokens), [expected], "{tokens}");
    }
}

/// Two versions: one column, then one more, a renamed one, an index and SQL; and a third that drops one.
const LOCK: &str = r#"{
    "user": "User",
    "versions": [
        {"version": 1, "columns": [
            {"name": "tier", "type": "TEXT", "default": "'free'", "index": true},
            {"name": "kind", "type": "TEXT", "nullable": true},
            {"name": "legacy", "type": "TEXT", "nullable": true}
        ]},
        {"version": 2, "columns": [
            {"name": "points", "type": "INTEGER", "default": "-3"},
            {"name": "sort", "type": "TEXT", "nullable": true, "renamed_from": "kind"}
        ], "indexes": [["tier", "points"]], "migration": "UPDATE users SET points = 1"},
        {"version": 3, "dropped": ["legacy"]}
    ]
}"#;

fn locked(lock: &str, item: TokenStream) -> Vec<String> {
    let directory = tempfile::tempdir().expect("a folder");
    std::fs::write(directory.path().join("stripeflare.schema.json"), lock).expect("a file");
    messages(expand_in(Some(directory.path()), Kind::User, item))
}

/// The struct that is recorded, with changes.
fn changed(from: &str, to: &str) -> Vec<String> {
    const RECORDED: &str = r#"
        #[stripe_user(dropped(name = "legacy", since = 3))]
        #[stripe_user(index(columns = [tier, points], since = 2))]
        #[stripe_user(migration(version = 2, sql = "UPDATE users SET points = 1"))]
        struct User {
            #[column(default = "free", index)]
            tier: String,
            #[column(since = 2, default = -3)]
            points: i64,
            #[column(since = 2, renamed_from = "kind")]
            sort: Option<String>,
        }"#;
    assert!(RECORDED.contains(from), "{from}");
    locked(LOCK, RECORDED.replacen(from, to, 1).parse().expect("Rust"))
}

#[test]
fn a_recorded_struct_may_grow() {
    for (from, to) in [
        ("", ""),
        ("tier: String,", "tier: String, #[column(since = 4)] more: Option<u8>,"),
        ("since = 3))]", "since = 3), migration(version = 4, sql = \"UPDATE users SET points = 2\"))]"),
        ("since = 3))]", "since = 3), index(columns = [points, sort], since = 4))]"),
        ("#[column(default = \"free\", index)]", "#[column(default = \"free\", index, public)]"),
    ] {
        assert_eq!(changed(from, to), <[&str; 0]>::default(), "{to}");
    }
    let later = quote! {
        #[stripe_user(dropped(name = "legacy", since = 3), dropped(name = "tier", since = 4))]
        #[stripe_user(migration(version = 2, sql = "UPDATE users SET points = 1"))]
        struct User {
            #[column(since = 4, default = -3, renamed_from = "points")]
            score: i64,
            #[column(since = 2, renamed_from = "kind")]
            sort: Option<String>,
        }
    };
    assert_eq!(locked(LOCK, later), <[&str; 0]>::default(), "a renamed column, and a dropped one with its index");
}

#[test]
fn a_recorded_version_is_not_rewritten() {
    const FILE: &str = "stripeflare.schema.json";
    for (from, to, expected) in [
        (
            "#[column(default = \"free\", index)]",
            "#[column(default = \"pro\", index)]",
            format!(
                "version 1 is recorded in {FILE} with the default 'free' for `tier`, which rows have: keep it, and write \
                 others by a `migration(version = 4, sql = \"UPDATE users SET …\")` or by `account.update`"
            ),
        ),
        (
            "#[column(default = \"free\", index)]",
            "#[column(default = \"free\")]",
            format!("version 1 is recorded in {FILE} with `index` for `tier`: keep `index`"),
        ),
        (
            "#[column(since = 2, default = -3)]",
            "#[column(since = 2, default = -3, index)]",
            format!(
                "version 2 is recorded in {FILE} without `index` for `points`: write \
                 `#[stripe_user(index(columns = [points], since = 4))]` instead"
            ),
        ),
        (
            "renamed_from = \"kind\")]",
            "renamed_from = \"kind\", unique)]",
            format!(
                "version 2 is recorded in {FILE} without `unique` for `sort`: add another column with `unique, since = 4`: \
                 values that are there may not be unique"
            ),
        ),
        (
            "#[column(since = 2, default = -3)]",
            "#[column(default = -3)]",
            format!("version 2 added `points`, as {FILE} records: write `since = 2`"),
        ),
        (
            "#[column(default = \"free\", index)]",
            "#[column(default = \"free\", index, since = 2)]",
            format!("version 1 added `tier`, as {FILE} records: write no `since`"),
        ),
        (
            "tier: String,",
            "tier: String, more: Option<u8>,",
            format!("version 1 is recorded in {FILE} without `more`: write `since = 4`"),
        ),
        (
            "#[column(since = 2, renamed_from = \"kind\")]\n            sort: Option<String>,",
            "",
            format!(
                "version 2 added `sort`, as {FILE} records, and it is gone: keep the field, or write \
                 `#[stripe_user(dropped(name = \"sort\", since = 4))]`"
            ),
        ),
        (
            "#[column(since = 2, renamed_from = \"kind\")]",
            "#[column(since = 2)]",
            format!("version 2 renamed `kind` to `sort`, as {FILE} records: keep `renamed_from = \"kind\"`"),
        ),
        (
            "#[column(since = 2, renamed_from = \"kind\")]\n            sort",
            "#[column(since = 4, renamed_from = \"sort\")]\n            order",
            "`sort` was called `kind` before version 2, and a column is renamed once: rows of version 1 would lose it. Keep \
             the name, or add a column and copy in a `migration(version = 4, sql = \"…\")`"
                .to_owned(),
        ),
        (
            "SET points = 1",
            "SET points = 2",
            format!(
                "version 2 is recorded in {FILE} with another migration: keep \"UPDATE users SET points = 1\" here, and write \
                 what is new as `migration(version = 4, sql = \"…\")`"
            ),
        ),
        (
            "#[stripe_user(migration(version = 2, sql = \"UPDATE users SET points = 1\"))]",
            "",
            format!(
                "version 2 is recorded in {FILE} with `migration(version = 2, sql = \"UPDATE users SET points = 1\")`: write it \
                 again"
            ),
        ),
        (
            "since = 3))]",
            "since = 3), migration(version = 3, sql = \"DELETE FROM users\"))]",
            format!(
                "version 3 is recorded in {FILE} with another migration: it has none, and write what is new as \
                 `migration(version = 4, sql = \"…\")`"
            ),
        ),
        (
            "#[stripe_user(dropped(name = \"legacy\", since = 3))]",
            "",
            format!(
                "version 1 added `legacy`, as {FILE} records, and it is gone: keep the field, or write \
                 `#[stripe_user(dropped(name = \"legacy\", since = 4))]`"
            ),
        ),
        (
            "#[stripe_user(index(columns = [tier, points], since = 2))]",
            "",
            format!("version 2 is recorded in {FILE} with `index(columns = [tier, points], since = 2)`: write it again"),
        ),
        (
            "[tier, points], since = 2",
            "[tier, points], since = 2), index(columns = [points, tier], since = 2",
            format!("version 2 is recorded in {FILE} without this index: write `since = 4`"),
        ),
    ] {
        let complaints = changed(from, to);
        assert_eq!(complaints.first(), Some(&expected), "{to}: {complaints:#?}");
    }
}

#[test]
fn a_renamed_column_is_not_dropped() {
    let dropping = quote! {
        #[stripe_user(dropped(name = "legacy", since = 3), dropped(name = "sort", since = 4))]
        #[stripe_user(index(columns = [tier, points], since = 2))]
        #[stripe_user(migration(version = 2, sql = "UPDATE users SET points = 1"))]
        struct User {
            #[column(default = "free", index)]
            tier: String,
            #[column(since = 2, default = -3)]
            points: i64,
        }
    };
    assert_eq!(
        locked(LOCK, dropping),
        [
            "`sort` was called `kind` before version 2, and rows of version 1 would keep it under that name: keep the field"
        ]
    );
}

#[test]
fn a_lock_is_for_its_own_struct() {
    let another = quote! { struct Another { tier: Option<u8> } };
    assert!(locked(LOCK, another.clone()).is_empty());
    assert!(locked("{}", another)[0].starts_with("stripeflare.schema.json cannot be read: missing field `user`"));
    let user = quote! { struct User { tier: Option<u8> } };
    assert!(messages(expand_in(Some(std::path::Path::new("/nowhere")), Kind::User, user)).is_empty());
}

#[test]
fn types_of_recorded_columns() {
    let directory = tempfile::tempdir().expect("a folder");
    let lock = r#"{"user": "User", "versions": [{"version": 1, "columns": [{"name": "a", "type": "TEXT", "nullable": true}]}]}"#;
    std::fs::write(directory.path().join("stripeflare.schema.json"), lock).expect("a file");
    let expansion = expand_in(
        Some(directory.path()),
        Kind::User,
        quote! { struct User { a: Option<Tier>, #[column(since = 2, default = 1)] b: u8 } },
    );
    let text = expansion.tokens.to_string();
    assert!(expansion.errors.into_messages().is_empty());
    assert_eq!(text.matches("check_recorded_type").count(), 1, "{text}");
    assert!(text.contains("as TEXT, and a column keeps its type: add another one with `since = 2`"), "{text}");
    assert!(text.contains("include_bytes"), "cargo watches the file");
}

#[test]
fn a_user_has_as_many_columns_as_a_statement_can_write() {
    let of = |count: usize| {
        let fields = (0..count).map(|number| quote::format_ident!("c{number}"));
        derive(quote! { struct User { #(#fields: i64),* } })
    };
    assert!(of(80).is_empty());
    assert_eq!(of(81), ["a user has at most 80 columns; keep what belongs together in one with `#[column(json)]`"]);
}

#[test]
fn a_table() {
    let item = quote! {
        pub struct Note {
            #[column(key)]
            pub id: i64,
            #[column(index)]
            pub tag: String,
            pub text: String,
        }
    };
    assert_golden("table", expand(Kind::Table, item));
}

#[test]
fn items_that_are_no_tables() {
    let table = |item: TokenStream| messages(expand(Kind::Table, item));
    for (item, expected) in [
        (
            quote! { struct Note { id: i64 } },
            "a table needs a key: write `#[column(key)]` on one field, an `i64` that SQLite gives or a `String` of yours, as in \
             `#[column(key)] id: i64`",
        ),
        (
            quote! { struct Note { #[column(key)] id: i64, #[column(key)] name: String } },
            "`id` is the key already: a table has one",
        ),
        (
            quote! { struct Note { #[column(key, default = 1)] id: i64 } },
            "the key finds each row from version 1 on: leave `default` out",
        ),
        (
            quote! { struct Note { #[column(key)] id: Option<i64> } },
            "every row has its key: write `i64` or `String`, and insert 0 where SQLite is to give it",
        ),
        (
            quote! { struct Note { #[column(key)] id: i64, #[column(unique)] name: Option<String> } },
            "`unique` is for columns of `StripeUser`, among all accounts; in a table the key is unique: write `key`",
        ),
        (
            quote! { struct Note { #[column(key)] id: i64, #[column(public)] name: String } },
            "`public` is for columns of `StripeUser`, which `GET /me` shows: leave it out",
        ),
        (
            quote! { struct Note { #[column(key)] id: i64, rowid: i64 } },
            "`rowid` is SQLite's own name for a row's number; choose another name",
        ),
        (
            quote! { struct Cards { #[column(key)] id: i64 } },
            "`cards` is a table of the wallet, which every account has; give this one another by `#[stripe_table(name = \"…\")]`",
        ),
        (
            quote! { #[stripe_table(name = "wallet_notes")] struct Note { #[column(key)] id: i64 } },
            "names of tables that begin with `wallet_` are kept for others; give this one another by \
             `#[stripe_table(name = \"…\")]`",
        ),
        (
            quote! { #[stripe_table(name = "my notes")] struct Note { #[column(key)] id: i64 } },
            "\"my notes\" cannot be the name of a table",
        ),
        (
            quote! { #[stripe_table(mirror)] struct Note { #[column(key)] id: i64 } },
            "unknown key `mirror`; known here: `name`, `dropped`, `index`, `migration`, `crate`",
        ),
        (quote! { enum Note { A } }, "`StripeTable` is for a struct with named fields, one for each column"),
    ] {
        assert_eq!(table(item.clone())[..1], [expected], "{item}");
    }
}

#[test]
fn a_table_is_held_against_the_lock() {
    let lock = r#"{"user": "", "versions": [], "tables": [{"name": "note", "versions": [{"version": 1, "columns": [
        {"name": "id", "type": "INTEGER", "key": true}, {"name": "tag", "type": "TEXT"}
    ]}]}]}"#;
    let directory = tempfile::tempdir().expect("a temporary directory");
    std::fs::write(directory.path().join("stripeflare.schema.json"), lock).expect("the lock");
    let table = |item: TokenStream| messages(expand_in(Some(directory.path()), Kind::Table, item));
    assert!(table(quote! { struct Note { #[column(key)] id: i64, tag: String } }).is_empty());
    assert!(table(quote! { struct Other { #[column(key)] id: i64 } }).is_empty(), "not recorded");
    let changed = table(quote! { struct Note { id: i64, #[column(key)] tag: String } });
    assert!(changed[0].contains("a table keeps its key"), "{changed:?}");
    let added = table(quote! { struct Note { #[column(key)] id: i64, tag: String, text: String } });
    assert!(added[0].contains("without `text`: write `since = 2`"), "{added:?}");
    let gone = table(quote! { struct Note { #[column(key)] id: i64 } });
    assert!(gone[0].contains("`#[stripe_table(dropped(name = \"tag\", since = 2))]`"), "{gone:?}");
}
