//! `stripeflare.schema.json`: what each released version did. A database may have run it, so it never changes.

use serde::{Deserialize, Serialize};

use crate::{ColumnDef, Schema, USERS};

/// The file's name, beside the worker's `Cargo.toml`.
pub const FILE: &str = "stripeflare.schema.json";

/// All that the file says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    /// The struct under `#[derive(StripeUser)]`.
    pub user: String,
    /// What its versions did.
    pub versions: History,
    /// The application's own tables.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tables: Vec<Table>,
}

/// One of the application's own tables.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// Its name in SQL.
    pub name: String,
    /// What its versions did.
    pub versions: History,
}

/// The versions of one table, from 1 on, without gaps.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct History(pub Vec<Version>);

impl History {
    /// The newest version that is recorded.
    #[must_use]
    pub fn last(&self) -> u32 {
        self.0.last().map_or(0, |version| version.version)
    }

    /// What a version did, if it is recorded.
    #[must_use]
    pub fn version(&self, number: u32) -> Option<&Version> {
        self.0.iter().find(|version| version.version == number)
    }

    /// Adds the versions of `schema` that are not recorded yet, and answers how many.
    pub fn record(&mut self, schema: &Schema) -> usize {
        let before = self.0.len();
        self.0.extend((self.last() + 1..=schema.version()).map(|number| Version::of(schema, number)));
        self.0.len() - before
    }

    fn check(&self) -> Result<(), String> {
        for (place, version) in (1..).zip(&self.0) {
            if version.version != place {
                return Err(format!("version {} stands where version {place} belongs", version.version));
            }
        }
        Ok(())
    }
}

/// What one version did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Version {
    /// Counted from 1.
    pub version: u32,
    /// Columns it added or renamed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<Column>,
    /// Columns it dropped.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dropped: Vec<String>,
    /// Indexes over several columns that it made.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub indexes: Vec<Vec<String>>,
    /// The SQL of its `migration`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub migration: Option<String>,
}

/// A column as it was added or renamed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// As SQLite spells it.
    #[serde(rename = "type")]
    pub column_type: String,
    /// Whether it may be `NULL`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub nullable: bool,
    /// Its default, as SQL spells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    /// Whether it has an index.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub index: bool,
    /// Whether it is unique.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unique: bool,
    /// The name before, of a column that was renamed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renamed_from: Option<String>,
    /// Whether it finds a row.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub key: bool,
}

impl Lock {
    /// Reads the file's text.
    ///
    /// # Errors
    /// When it is not such a file, or has a version too many or too few.
    pub fn parse(text: &str) -> Result<Self, String> {
        let lock: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        lock.versions.check()?;
        lock.tables.iter().try_for_each(|table| table.versions.check())?;
        Ok(lock)
    }

    /// The file's text.
    ///
    /// # Panics
    /// Never: it is plain JSON.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("plain JSON");
        text.push('\n');
        text
    }

    /// What is recorded of a table.
    #[must_use]
    pub fn history(&self, table: &str) -> Option<&History> {
        if table == USERS {
            return Some(&self.versions);
        }
        self.tables.iter().find(|recorded| recorded.name == table).map(|recorded| &recorded.versions)
    }

    /// Where the versions of a table are recorded.
    pub fn history_mut(&mut self, table: &str) -> &mut History {
        if table == USERS {
            return &mut self.versions;
        }
        let place = self.tables.iter().position(|recorded| recorded.name == table).unwrap_or_else(|| {
            self.tables.push(Table { name: table.to_owned(), versions: History::default() });
            self.tables.len() - 1
        });
        &mut self.tables[place].versions
    }
}

impl Version {
    /// What version `number` of `schema` does.
    #[must_use]
    pub fn of(schema: &Schema, number: u32) -> Self {
        Self {
            version: number,
            columns: schema.columns.iter().filter(|column| column.since == number).map(Column::of).collect(),
            dropped: schema
                .dropped
                .iter()
                .filter(|dropped| dropped.since == number)
                .map(|dropped| dropped.name.to_owned())
                .collect(),
            indexes: schema
                .indexes
                .iter()
                .filter(|index| index.since == number)
                .map(|index| index.columns.iter().map(|&name| name.to_owned()).collect())
                .collect(),
            migration: schema.steps.iter().find(|step| step.version == number).map(|step| step.sql.to_owned()),
        }
    }
}

impl Column {
    fn of(column: &ColumnDef) -> Self {
        Self {
            name: column.name.to_owned(),
            column_type: column.column_type.sql().to_owned(),
            nullable: column.nullable,
            default: column.default.map(crate::DefaultValue::literal),
            index: column.index,
            unique: column.unique,
            renamed_from: column.renamed_from.map(str::to_owned),
            key: column.key,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ColumnType, DefaultValue, Dropped, IndexDef, Step};

    const FIRST: Schema = Schema {
        table: USERS,
        columns: &[ColumnDef::new("tier", ColumnType::Text, false).default(DefaultValue::Text("it's")).index()],
        dropped: &[],
        indexes: &[],
        steps: &[],
    };
    const SECOND: Schema = Schema {
        table: USERS,
        columns: &[FIRST.columns[0], ColumnDef::new("sort", ColumnType::Real, true).since(2).renamed_from("kind")],
        dropped: &[Dropped::new("legacy", 3)],
        indexes: &[IndexDef::new(&["tier", "sort"], 2)],
        steps: &[Step::new(3, "UPDATE users SET tier = 'x'")],
    };

    #[test]
    fn what_is_recorded_stays() {
        let mut lock = Lock::default();
        assert_eq!(lock.history_mut(USERS).record(&FIRST), 1);
        let first = lock.versions.0[0].clone();
        assert_eq!(lock.history_mut(USERS).record(&SECOND), 2);
        assert_eq!(lock.history_mut(USERS).record(&SECOND), 0);
        assert_eq!((lock.versions.last(), &lock.versions.0[0]), (3, &first));
        let note = Schema { table: "note", ..FIRST };
        assert_eq!(lock.history("note"), None);
        assert_eq!((lock.history_mut("note").record(&note), lock.history_mut("note").record(&note)), (1, 0));
        assert_eq!(lock.history("note").map(History::last), Some(1));
        assert_eq!(Lock::parse(&lock.render()).unwrap(), lock);
    }

    #[test]
    fn the_file_is_for_people_too() {
        let mut lock = Lock { user: "User".into(), ..Lock::default() };
        lock.history_mut(USERS).record(&SECOND);
        let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(FILE);
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&file, lock.render()).unwrap();
        }
        assert_eq!(lock.render(), std::fs::read_to_string(&file).unwrap());
    }

    #[test]
    fn a_file_of_something_else_is_refused() {
        for text in ["", "{}", r#"{"user":"User","versions":[{"version":2}]}"#, r#"{"user":"User","version":[]}"#] {
            assert!(Lock::parse(text).is_err(), "{text}");
        }
    }
}
