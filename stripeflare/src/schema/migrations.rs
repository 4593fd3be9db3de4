use super::StripeUser;
use super::column::{ColumnDef, Dropped, IndexDef, Step};
use crate::wallet::{Reader, Role, Sql, SqlError, Value};

/// What a user type declares, without the type.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Schema {
    pub(crate) columns: &'static [ColumnDef],
    dropped: &'static [Dropped],
    indexes: &'static [IndexDef],
    steps: &'static [Step],
}

impl Schema {
    pub(crate) const fn of<U: StripeUser>() -> Self {
        Self { columns: U::COLUMNS, dropped: U::DROPPED, indexes: U::INDEXES, steps: U::STEPS }
    }

    /// The newest version that anything was declared for; 0 without any columns.
    fn version(&self) -> u32 {
        let columns = self.columns.iter().map(|column| column.since);
        let dropped = self.dropped.iter().map(|dropped| dropped.since);
        let indexes = self.indexes.iter().map(|index| index.since);
        let steps = self.steps.iter().map(|step| step.version);
        columns.chain(dropped).chain(indexes).chain(steps).max().unwrap_or(0)
    }

    /// A row that has never been written, in the order of the columns.
    pub(crate) fn initial_row(&self) -> Vec<Value> {
        self.columns.iter().map(ColumnDef::initial).collect()
    }

    /// The names of the columns, quoted.
    pub(crate) fn quoted_names(&self) -> impl Iterator<Item = String> {
        self.columns.iter().map(|column| quoted(column.name))
    }

    /// `, "tier", "nickname"`: the columns as they follow the wallet's in a select.
    pub(crate) fn select_list(&self) -> String {
        self.quoted_names().map(|name| format!(", {name}")).collect()
    }

    /// The statements of one version, given the columns the table has so far.
    fn statements(&self, version: u32, present: &[String]) -> Vec<String> {
        let mut statements = Vec::new();
        for column in self.columns.iter().filter(|column| column.since == version) {
            let name = quoted(column.name);
            match column.renamed_from.filter(|old| present.iter().any(|name| name == old)) {
                Some(old) => statements.push(format!("ALTER TABLE users RENAME COLUMN {} TO {name}", quoted(old))),
                None => statements.push(format!("ALTER TABLE users ADD COLUMN {}", definition(column))),
            }
            if column.index || column.unique {
                let unique = if column.unique { "UNIQUE " } else { "" };
                let index = quoted(&format!("users_{}", column.name));
                statements.push(format!("CREATE {unique}INDEX {index} ON users ({name})"));
            }
        }
        for index in self.indexes.iter().filter(|index| index.since == version) {
            let name = quoted(&format!("users_{}", index.columns.join("_")));
            let columns = index.columns.iter().map(|column| quoted(column)).collect::<Vec<_>>().join(", ");
            statements.push(format!("CREATE INDEX {name} ON users ({columns})"));
        }
        for dropped in self.dropped.iter().filter(|dropped| dropped.since == version) {
            if present.iter().any(|name| name == dropped.name) {
                statements.push(format!("ALTER TABLE users DROP COLUMN {}", quoted(dropped.name)));
            }
        }
        statements.extend(self.steps.iter().filter(|step| step.version == version).map(|step| step.sql.to_owned()));
        statements
    }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn definition(column: &ColumnDef) -> String {
    let (name, sql) = (quoted(column.name), column.column_type.sql());
    let not_null = if column.nullable { "" } else { " NOT NULL" };
    // SQLite adds a NOT NULL column only with a default.
    match column.default.or((!column.nullable).then_some(column.column_type.zero())) {
        Some(default) => format!("{name} {sql}{not_null} DEFAULT {}", default.literal()),
        None => format!("{name} {sql}"),
    }
}

/// Brings a database, empty or of any earlier version, to the tables of this release and the columns of `schema`.
/// To be run in one transaction.
pub(crate) fn migrate(sql: &dyn Sql, role: Role, schema: &Schema) -> Result<(), SqlError> {
    sql.run("CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID", &[])?;
    let had_tables = recorded(sql, "tables")?;
    for (index, statements) in role.tables().iter().enumerate().skip(had_tables) {
        for statement in *statements {
            sql.run(statement, &[])?;
        }
        record(sql, "tables", index + 1)?;
    }
    if !role.has_users() {
        return Ok(());
    }
    let had_columns = recorded(sql, "columns")?;
    for version in had_columns + 1..=schema.version() as usize {
        let present = present_columns(sql)?;
        for statement in schema.statements(version as u32, &present) {
            sql.run(&statement, &[])?;
        }
        record(sql, "columns", version)?;
    }
    Ok(())
}

/// The role whose tables [`migrate`] made in this database, if it ever ran.
pub(crate) fn role_of(sql: &dyn Sql) -> Result<Option<Role>, SqlError> {
    let select = "SELECT name FROM sqlite_master WHERE name IN ('entries', 'places', 'all_payments')";
    let Some(row) = sql.run(select, &[])?.pop() else { return Ok(None) };
    Ok(Some(match Reader::new(row).text()?.as_str() {
        "entries" => Role::Account,
        "places" => Role::Directory,
        _ => Role::Aggregate,
    }))
}

fn recorded(sql: &dyn Sql, what: &str) -> Result<usize, SqlError> {
    Ok(remembered(sql, what)?.unwrap_or(0) as usize)
}

fn record(sql: &dyn Sql, what: &str, version: usize) -> Result<(), SqlError> {
    remember(sql, what, version as i64)
}

/// A number that the object itself keeps, in a database that [`migrate`] has set up.
pub(crate) fn remembered(sql: &dyn Sql, what: &str) -> Result<Option<i64>, SqlError> {
    match sql.run("SELECT value FROM meta WHERE key = ?", &[what.into()])?.pop() {
        Some(row) => Ok(Some(Reader::new(row).integer()?)),
        None => Ok(None),
    }
}

/// Keeps it.
pub(crate) fn remember(sql: &dyn Sql, what: &str, value: i64) -> Result<(), SqlError> {
    let parameters = [what.into(), Value::Integer(value)];
    sql.run(
        "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        &parameters,
    )?;
    Ok(())
}

fn present_columns(sql: &dyn Sql) -> Result<Vec<String>, SqlError> {
    sql.run("SELECT name FROM pragma_table_info('users')", &[])?
        .into_iter()
        .map(|row| Reader::new(row).text())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::column::{ColumnType, DefaultValue};
    use super::*;
    use crate::wallet::testing::database;

    const TIER: ColumnDef =
        ColumnDef::new("tier", ColumnType::Text, false).default(DefaultValue::Text("it's free")).index();
    const ORDER: ColumnDef = ColumnDef::new("order", ColumnType::Integer, false);
    const NICKNAME: ColumnDef = ColumnDef::new("nickname", ColumnType::Text, true).since(2);

    const fn schema(columns: &'static [ColumnDef]) -> Schema {
        Schema { columns, dropped: &[], indexes: &[], steps: &[] }
    }

    fn columns(sql: &dyn Sql) -> Vec<String> {
        present_columns(sql)
            .unwrap()
            .into_iter()
            .filter(|name| ["tier", "order", "nickname", "legacy"].contains(&name.as_str()))
            .collect()
    }

    #[test]
    fn every_path_to_the_newest_version_ends_alike() {
        let (stepwise, at_once) = (database(), database());
        assert_eq!(role_of(&stepwise).unwrap(), None);
        migrate(&stepwise, Role::Account, &schema(&[TIER, ORDER])).unwrap();
        assert_eq!(columns(&stepwise), ["tier", "order"]);
        assert_eq!(role_of(&stepwise).unwrap(), Some(Role::Account));
        for _ in 0..2 {
            migrate(&stepwise, Role::Account, &schema(&[TIER, ORDER, NICKNAME])).unwrap();
        }
        migrate(&at_once, Role::Account, &schema(&[TIER, ORDER, NICKNAME])).unwrap();
        assert_eq!(columns(&stepwise), columns(&at_once));
    }

    #[test]
    fn a_database_shows_its_role() {
        for role in [Role::Account, Role::Directory, Role::Aggregate] {
            let sql = database();
            migrate(&sql, role, &schema(&[TIER])).unwrap();
            assert_eq!(role_of(&sql).unwrap(), Some(role));
        }
    }

    #[test]
    fn what_is_dropped_or_renamed_need_not_have_been_there() {
        const LEGACY: ColumnDef = ColumnDef::new("legacy", ColumnType::Text, true);
        const RENAMED: ColumnDef = ColumnDef::new("nickname", ColumnType::Text, true).since(2).renamed_from("legacy");
        const GONE: &[Dropped] = &[Dropped::new("legacy", 2)];
        let dropping = Schema { dropped: GONE, ..schema(&[TIER]) };
        for second in [dropping, schema(&[TIER, RENAMED])] {
            let (upgraded, fresh) = (database(), database());
            migrate(&upgraded, Role::Account, &schema(&[TIER, LEGACY])).unwrap();
            migrate(&upgraded, Role::Account, &second).unwrap();
            migrate(&fresh, Role::Account, &second).unwrap();
            assert_eq!(columns(&upgraded), columns(&fresh));
        }
    }

    #[test]
    fn the_initial_row_is_what_sqlite_fills_in() {
        let sql = database();
        let schema = schema(&[TIER, ORDER, NICKNAME]);
        migrate(&sql, Role::Account, &schema).unwrap();
        sql.run("INSERT INTO users (account_id, registered_at) VALUES ('a', 0)", &[]).unwrap();
        let row = sql.run("SELECT tier, \"order\", nickname FROM users", &[]).unwrap().pop().unwrap();
        assert_eq!(row, schema.initial_row());
    }
}
