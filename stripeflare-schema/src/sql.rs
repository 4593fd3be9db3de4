//! The statements of every version.
//!
//! A database that was there runs the versions it does not know yet; a new one runs all of them. So that the SQL of old
//! versions works in a new one, too, columns that later versions dropped or renamed are made in version 1 under their old
//! names.

use crate::{ColumnDef, ColumnType, Schema, USERS};

/// What the table has before a version, where that is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Present {
    /// Names of columns.
    pub columns: Vec<String>,
    /// Names of indexes, once for each of their columns, and that column.
    pub indexes: Vec<(String, String)>,
}

impl Schema {
    /// The statements that take the table from the version before to `version`; version 1 makes one of an application's own.
    ///
    /// `aggregate` stands for the table of all accounts. Its indexes are never unique: a unique value is claimed before it
    /// is written, and a mirror must take what its accounts have. Without `present` the table is taken to be as every
    /// version before left it.
    #[must_use]
    pub fn statements(&self, version: u32, aggregate: bool, present: Option<&Present>) -> Vec<String> {
        let is_present =
            |name: &str| present.is_none_or(|present| present.columns.iter().any(|column| same(column, name)));
        let (table, is_own) = (table_name(self.table), self.table != USERS);
        let mut statements = Vec::new();
        let mut definitions = Vec::new();
        if version == 1 {
            for column in self.columns.iter().filter(|column| column.since > 1) {
                let old = column.renamed_from.filter(|old| present.is_none() || !is_present(old));
                definitions.extend(old.map(|old| definition(column, old)));
            }
            for dropped in self.dropped.iter().filter(|dropped| present.is_none() || !is_present(dropped.name)) {
                definitions.push(quoted(dropped.name));
            }
        }
        if version == 1 && is_own {
            let first = self.columns.iter().filter(|column| column.since == 1);
            let all: Vec<String> = first.map(|column| definition(column, column.name)).chain(definitions).collect();
            // A text is the key itself; a number is SQLite's own, and is never given twice.
            let kind = match self.key().map(|key| key.column_type) {
                Some(ColumnType::Text) => " WITHOUT ROWID",
                _ => "",
            };
            statements.push(format!("CREATE TABLE {table} ({}){kind}", all.join(", ")));
        } else {
            statements.extend(definitions.iter().map(|column| format!("ALTER TABLE {table} ADD COLUMN {column}")));
            for column in self.columns.iter().filter(|column| column.since == version) {
                match column.renamed_from.filter(|old| is_present(old)) {
                    Some(old) => {
                        statements.push(format!("DROP INDEX IF EXISTS {}", self.index_name(&[old])));
                        let (old, name) = (quoted(old), quoted(column.name));
                        statements.push(format!("ALTER TABLE {table} RENAME COLUMN {old} TO {name}"));
                    }
                    None => {
                        let definition = definition(column, column.name);
                        statements.push(format!("ALTER TABLE {table} ADD COLUMN {definition}"));
                    }
                }
            }
        }
        statements.extend(self.steps.iter().filter(|step| step.version == version).map(|step| step.sql.to_owned()));
        for dropped in self.dropped.iter().filter(|dropped| dropped.since == version && is_present(dropped.name)) {
            match present {
                None => statements.push(format!("DROP INDEX IF EXISTS {}", self.index_name(&[dropped.name]))),
                Some(present) => {
                    let over = present.indexes.iter().filter(|(_, column)| same(column, dropped.name));
                    statements.extend(over.map(|(index, _)| format!("DROP INDEX IF EXISTS {}", quoted(index))));
                }
            }
            statements.push(format!("ALTER TABLE {table} DROP COLUMN {}", quoted(dropped.name)));
        }
        for column in self.columns.iter().filter(|column| column.since == version) {
            if column.index || column.unique {
                statements.push(self.create_index(&[column.name], column.unique && !aggregate));
            }
        }
        for index in self.indexes.iter().filter(|index| index.since == version) {
            let columns: Vec<&str> = index.columns.iter().map(|name| self.name_at(name, version)).collect();
            statements.push(self.create_index(&columns, false));
        }
        statements
    }

    fn index_name(&self, columns: &[&str]) -> String {
        quoted(&format!("{}_{}", self.table, columns.join("+")))
    }

    fn create_index(&self, columns: &[&str], unique: bool) -> String {
        let list = columns.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", ");
        let unique = if unique { "UNIQUE " } else { "" };
        let (index, table) = (self.index_name(columns), table_name(self.table));
        format!("CREATE {unique}INDEX IF NOT EXISTS {index} ON {table} ({list})")
    }

    fn name_at(&self, name: &'static str, version: u32) -> &'static str {
        self.columns.iter().find(|column| column.name == name).map_or(name, |column| column.name_at(version))
    }
}

/// SQLite's names have no upper and lower case.
fn same(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b)
}

/// An identifier, whatever is in it.
#[must_use]
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The wallet's own table needs no quotes.
fn table_name(table: &str) -> String {
    if table == USERS { table.to_owned() } else { quoted(table) }
}

fn definition(column: &ColumnDef, name: &str) -> String {
    let (name, sql) = (quoted(name), column.column_type.sql());
    match column.column_type {
        ColumnType::Integer if column.key => return format!("{name} {sql} PRIMARY KEY AUTOINCREMENT"),
        _ if column.key => return format!("{name} {sql} PRIMARY KEY"),
        _ => {}
    }
    let not_null = if column.nullable { "" } else { " NOT NULL" };
    // SQLite adds a NOT NULL column only with a default.
    match column.initial() {
        Some(default) => format!("{name} {sql}{not_null} DEFAULT {}", default.literal()),
        None => format!("{name} {sql}"),
    }
}
