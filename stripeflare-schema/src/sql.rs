//! The statements of every version.
//!
//! A database that was there runs the versions it does not know yet; a new one runs all of them. So that the SQL of old
//! versions works in a new one, too, columns that later versions dropped or renamed are made in version 1 under their old
//! names.

use crate::{ColumnDef, Schema};

/// What the table has before a version, where that is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Present {
    /// Names of columns.
    pub columns: Vec<String>,
    /// Names of indexes, once for each of their columns, and that column.
    pub indexes: Vec<(String, String)>,
}

impl Schema {
    /// The statements that take the table from the version before to `version`.
    ///
    /// `aggregate` stands for the table of all accounts. Its indexes are never unique: a unique value is claimed before it
    /// is written, and a mirror must take what its accounts have. Without `present` the table is taken to be as every
    /// version before left it.
    #[must_use]
    pub fn statements(&self, version: u32, aggregate: bool, present: Option<&Present>) -> Vec<String> {
        let is_present =
            |name: &str| present.is_none_or(|present| present.columns.iter().any(|column| same(column, name)));
        let mut statements = Vec::new();
        let mut add = |definition: String| statements.push(format!("ALTER TABLE users ADD COLUMN {definition}"));
        if version == 1 {
            for column in self.columns.iter().filter(|column| column.since > 1) {
                let old = column.renamed_from.filter(|old| present.is_none() || !is_present(old));
                old.into_iter().for_each(|old| add(definition(column, old)));
            }
            for dropped in self.dropped.iter().filter(|dropped| present.is_none() || !is_present(dropped.name)) {
                add(quoted(dropped.name));
            }
        }
        for column in self.columns.iter().filter(|column| column.since == version) {
            match column.renamed_from.filter(|old| is_present(old)) {
                Some(old) => {
                    statements.push(format!("DROP INDEX IF EXISTS {}", index_name(&[old])));
                    let name = quoted(column.name);
                    statements.push(format!("ALTER TABLE users RENAME COLUMN {} TO {name}", quoted(old)));
                }
                None => statements.push(format!("ALTER TABLE users ADD COLUMN {}", definition(column, column.name))),
            }
        }
        statements.extend(self.steps.iter().filter(|step| step.version == version).map(|step| step.sql.to_owned()));
        for dropped in self.dropped.iter().filter(|dropped| dropped.since == version && is_present(dropped.name)) {
            match present {
                None => statements.push(format!("DROP INDEX IF EXISTS {}", index_name(&[dropped.name]))),
                Some(present) => {
                    let over = present.indexes.iter().filter(|(_, column)| same(column, dropped.name));
                    statements.extend(over.map(|(index, _)| format!("DROP INDEX IF EXISTS {}", quoted(index))));
                }
            }
            statements.push(format!("ALTER TABLE users DROP COLUMN {}", quoted(dropped.name)));
        }
        for column in self.columns.iter().filter(|column| column.since == version) {
            if column.index || column.unique {
                statements.push(create_index(&[column.name], column.unique && !aggregate));
            }
        }
        for index in self.indexes.iter().filter(|index| index.since == version) {
            let columns: Vec<&str> = index.columns.iter().map(|name| self.name_at(name, version)).collect();
            statements.push(create_index(&columns, false));
        }
        statements
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

fn index_name(columns: &[&str]) -> String {
    quoted(&format!("users_{}", columns.join("+")))
}

fn create_index(columns: &[&str], unique: bool) -> String {
    let list = columns.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", ");
    let unique = if unique { "UNIQUE " } else { "" };
    format!("CREATE {unique}INDEX IF NOT EXISTS {} ON users ({list})", index_name(columns))
}

fn definition(column: &ColumnDef, name: &str) -> String {
    let (name, sql) = (quoted(name), column.column_type.sql());
    let not_null = if column.nullable { "" } else { " NOT NULL" };
    // SQLite adds a NOT NULL column only with a default.
    match column.initial() {
        Some(default) => format!("{name} {sql}{not_null} DEFAULT {}", default.literal()),
        None => format!("{name} {sql}"),
    }
}
