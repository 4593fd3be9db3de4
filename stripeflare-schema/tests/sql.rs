//! The SQL of each version, as it was when it was written down: a change here changes what databases have run.

use std::fmt::Write;
use std::path::Path;

use stripeflare_schema::{ColumnDef, ColumnType, DefaultValue, Dropped, IndexDef, Present, Schema, Shown, Step, USERS};

const HISTORY: Schema = Schema {
    table: USERS,
    columns: &[
        ColumnDef::new("tier", ColumnType::Text, false).default(DefaultValue::Text("it's free")).index().public(),
        ColumnDef::new("order", ColumnType::Integer, false).default(DefaultValue::Integer(-3)),
        ColumnDef::new("news", ColumnType::Integer, false).default(DefaultValue::Bool(true)).shown(Shown::Bool),
        ColumnDef::new("factor", ColumnType::Real, false).default(DefaultValue::Real(1.0)).since(2),
        ColumnDef::new("tiny", ColumnType::Real, true).default(DefaultValue::Real(1e-300)).since(2),
        ColumnDef::new("picture", ColumnType::Blob, false).since(2),
        ColumnDef::new("handle", ColumnType::Text, true).unique().since(2),
        ColumnDef::new("sort", ColumnType::Text, false).index().since(3).renamed_from("kind"),
        ColumnDef::new("say \"hi\"", ColumnType::Text, true).since(3),
    ],
    dropped: &[Dropped::new("legacy", 3)],
    indexes: &[IndexDef::new(&["tier", "sort"], 2), IndexDef::new(&["order", "factor"], 3)],
    steps: &[Step::new(3, "UPDATE users SET tier = legacy WHERE legacy IS NOT NULL")],
};

const TABLES: [Schema; 2] = [
    Schema {
        table: "note",
        columns: &[
            ColumnDef::new("id", ColumnType::Integer, false).key(),
            ColumnDef::new("text", ColumnType::Text, false),
            ColumnDef::new("label", ColumnType::Text, true).index().since(2).renamed_from("tag"),
            ColumnDef::new("pinned", ColumnType::Integer, false).default(DefaultValue::Bool(false)).since(2),
        ],
        dropped: &[Dropped::new("legacy", 2)],
        indexes: &[IndexDef::new(&["pinned", "id"], 2)],
        steps: &[Step::new(2, "UPDATE note SET text = legacy")],
    },
    Schema {
        table: "setting",
        columns: &[
            ColumnDef::new("name", ColumnType::Text, false).key(),
            ColumnDef::new("value", ColumnType::Real, false).index(),
        ],
        dropped: &[],
        indexes: &[],
        steps: &[],
    },
];

#[test]
fn sql_of_every_version() {
    let mut text = String::new();
    for (kind, aggregate) in [("account", false), ("aggregate", true)] {
        for version in 1..=HISTORY.version() {
            let _ = writeln!(text, "-- {kind}, version {version}");
            for statement in HISTORY.statements(version, aggregate, None) {
                let _ = writeln!(text, "{statement};");
            }
        }
    }
    for table in TABLES {
        for version in 1..=table.version() {
            let _ = writeln!(text, "-- {}, version {version}", table.table);
            for statement in table.statements(version, false, None) {
                let _ = writeln!(text, "{statement};");
            }
        }
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/history.sql");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&file, &text).expect("the golden file can be written");
    }
    assert_eq!(text, std::fs::read_to_string(&file).unwrap_or_default(), "UPDATE_GOLDEN=1 writes it anew");
}

#[test]
fn what_is_there_decides_what_is_dropped_and_renamed() {
    let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
    let absent = Present { columns: names(&["tier", "order", "news"]), indexes: Vec::new() };
    let statements = HISTORY.statements(3, false, Some(&absent)).join(";");
    assert!(statements.contains("ADD COLUMN \"sort\"") && !statements.contains("DROP COLUMN"), "{statements}");
    let indexed = Present {
        columns: names(&["Legacy", "KIND"]),
        indexes: vec![("by hand".into(), "legacy".into()), ("users_tier".into(), "tier".into())],
    };
    let statements = HISTORY.statements(3, false, Some(&indexed)).join(";");
    assert!(statements.contains("RENAME COLUMN \"kind\" TO \"sort\""), "{statements}");
    assert!(statements.contains("DROP INDEX IF EXISTS \"by hand\"") && !statements.contains("users_tier\";"));
}
