use stripeflare_schema::Present;

use crate::schema::declared::Schema;
use crate::sql::{Reader, Sql, SqlError, Value, read_all};
use crate::tables::Role;

/// Brings a database, empty or of any earlier version, to the tables of this release and the columns of `schema`.
/// To be run in one transaction.
pub fn migrate(sql: &dyn Sql, role: Role, schema: &Schema) -> Result<(), SqlError> {
    sql.run("CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID", &[])?;
    let had_tables = recorded(sql, "tables")?;
    refuse_newer("tables of the wallet", had_tables, role.tables().len())?;
    for (index, statements) in role.tables().iter().enumerate().skip(had_tables) {
        for statement in *statements {
            sql.run(statement, &[])?;
        }
        record(sql, "tables", index + 1)?;
    }
    if role.has_users() {
        bring_up(sql, role, schema, "columns", "columns of `StripeUser`")?;
    }
    if role == Role::Account {
        for table in schema.tables {
            let name = table.table;
            bring_up(sql, role, table, &format!("table {name}"), &format!("table `{name}`"))?;
        }
    }
    Ok(())
}

/// Brings one table to the newest version of its columns.
fn bring_up(
    sql: &dyn Sql,
    role: Role,
    schema: &stripeflare_schema::Schema,
    remembered_as: &str,
    what: &str,
) -> Result<(), SqlError> {
    let had = recorded(sql, remembered_as)?;
    refuse_newer(what, had, schema.version() as usize)?;
    for version in had + 1..=schema.version() as usize {
        let present = present(sql, schema.table)?;
        for statement in schema.statements(version as u32, role == Role::Aggregate, Some(&present)) {
            sql.run(&statement, &[]).map_err(|SqlError(cause)| {
                SqlError(format!("migrating to version {version} of the {what} failed at `{statement}`: {cause}"))
            })?;
        }
        record(sql, remembered_as, version)?;
    }
    Ok(())
}

/// The role whose tables [`migrate`] made in this database, if it ever ran.
pub fn role_of(sql: &dyn Sql) -> Result<Option<Role>, SqlError> {
    let select = "SELECT name FROM sqlite_master WHERE name IN ('entries', 'places', 'all_payments')";
    let Some(row) = sql.run(select, &[])?.pop() else { return Ok(None) };
    Ok(Some(match Reader::new(row).text()?.as_str() {
        "entries" => Role::Account,
        "places" => Role::Directory,
        _ => Role::Aggregate,
    }))
}

/// After a rollback: what a newer deploy made is left alone.
fn refuse_newer(what: &str, found: usize, known: usize) -> Result<(), SqlError> {
    if found > known {
        return Err(SqlError(format!(
            "this database has version {found} of the {what}, made by a newer deploy, and this deploy knows {known}: \
             deploy version {found} again"
        )));
    }
    Ok(())
}

fn recorded(sql: &dyn Sql, what: &str) -> Result<usize, SqlError> {
    Ok(remembered(sql, what)?.unwrap_or(0) as usize)
}

fn record(sql: &dyn Sql, what: &str, version: usize) -> Result<(), SqlError> {
    remember(sql, what, version as i64)
}

/// A number that the object itself keeps, in a database that [`migrate`] has set up.
pub fn remembered(sql: &dyn Sql, what: &str) -> Result<Option<i64>, SqlError> {
    match sql.run("SELECT value FROM meta WHERE key = ?", &[what.into()])?.pop() {
        Some(row) => Ok(Some(Reader::new(row).integer()?)),
        None => Ok(None),
    }
}

/// Keeps it.
pub fn remember(sql: &dyn Sql, what: &str, value: i64) -> Result<(), SqlError> {
    let parameters = [what.into(), Value::Integer(value)];
    sql.run(
        "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        &parameters,
    )?;
    Ok(())
}

fn present(sql: &dyn Sql, table: &str) -> Result<Present, SqlError> {
    let columns = sql.run("SELECT name FROM pragma_table_info(?)", &[table.into()])?;
    let indexes = "SELECT list.name, info.name FROM pragma_index_list(?) list, pragma_index_info(list.name) info
         WHERE list.origin = 'c' AND info.name IS NOT NULL";
    let index = |row| {
        let mut row = Reader::new(row);
        Ok((row.text()?, row.text()?))
    };
    Ok(Present {
        columns: read_all(columns, |row| Reader::new(row).text())?,
        indexes: read_all(sql.run(indexes, &[table.into()])?, index)?,
    })
}

#[cfg(test)]
mod tests {
    use stripeflare_schema::{ColumnDef, ColumnType, DefaultValue, Dropped, IndexDef, Step, USERS};

    use super::*;
    use crate::sql::Value;
    use crate::testing::database;

    const TIER: ColumnDef =
        ColumnDef::new("tier", ColumnType::Text, false).default(DefaultValue::Text("it's free")).index();
    const ORDER: ColumnDef = ColumnDef::new("order", ColumnType::Integer, false);
    const LEGACY: ColumnDef = ColumnDef::new("legacy", ColumnType::Text, true).index();
    const KIND: ColumnDef = ColumnDef::new("kind", ColumnType::Real, false).unique();
    const SORT: ColumnDef = ColumnDef::new("sort", ColumnType::Real, false).unique().since(2).renamed_from("kind");
    const NICKNAME: ColumnDef = ColumnDef::new("nickname", ColumnType::Text, true).since(2);
    const HANDLE: ColumnDef = ColumnDef::new("handle", ColumnType::Text, true).unique().since(3);

    const COPY: Step = Step::new(2, "UPDATE users SET nickname = legacy");
    const VERSIONS: [stripeflare_schema::Schema; 4] = [
        stripeflare_schema::Schema { table: USERS, columns: &[], dropped: &[], indexes: &[], steps: &[] },
        stripeflare_schema::Schema {
            table: USERS,
            columns: &[TIER, ORDER, LEGACY, KIND],
            dropped: &[],
            indexes: &[IndexDef::new(&["legacy", "kind"], 1)],
            steps: &[],
        },
        stripeflare_schema::Schema {
            table: USERS,
            columns: &[TIER, ORDER, LEGACY, SORT, NICKNAME],
            dropped: &[],
            indexes: &[IndexDef::new(&["legacy", "sort"], 1), IndexDef::new(&["tier", "sort"], 2)],
            steps: &[COPY],
        },
        stripeflare_schema::Schema {
            table: USERS,
            columns: &[TIER, ORDER, SORT, NICKNAME, HANDLE],
            dropped: &[Dropped::new("legacy", 3)],
            indexes: &[IndexDef::new(&["tier", "sort"], 2)],
            steps: &[COPY],
        },
    ];

    fn version(number: usize) -> Schema {
        VERSIONS[number].into()
    }

    fn fill(sql: &dyn Sql) {
        sql.run("INSERT INTO users (account_id, registered_at) VALUES ('a', 0)", &[]).unwrap();
    }

    /// Names, types and indexes, in any order.
    fn shape(sql: &dyn Sql) -> Vec<String> {
        let columns = "SELECT name || type || \"notnull\" || coalesce(dflt_value, '') FROM pragma_table_info('users')";
        let indexes = "SELECT sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL";
        let rows = [columns, indexes].into_iter().flat_map(|select| sql.run(select, &[]).unwrap());
        let mut shape: Vec<String> = rows.map(|row| Reader::new(row).text().unwrap()).collect();
        shape.sort();
        shape
    }

    #[test]
    fn every_path_to_the_newest_version_ends_alike() {
        for role in [Role::Account, Role::Aggregate] {
            let fresh = database();
            migrate(&fresh, role, &version(3)).unwrap();
            for path in [vec![0, 1, 2, 3], vec![1, 3], vec![0, 2, 3], vec![2, 2, 3, 3], vec![0, 3]] {
                let sql = database();
                assert_eq!(role_of(&sql).unwrap(), None);
                for (step, number) in path.iter().enumerate() {
                    migrate(&sql, role, &version(*number)).unwrap();
                    assert_eq!(role_of(&sql).unwrap(), Some(role));
                    if step == 0 {
                        fill(&sql);
                    }
                }
                assert_eq!(shape(&sql), shape(&fresh), "{path:?}");
                let row = sql.run(&format!("SELECT 1{} FROM users", version(3).select_list()), &[]).unwrap().remove(0);
                assert_eq!(row[1..], version(3).initial_row(), "{path:?}");
            }
        }
    }

    #[test]
    fn values_survive_every_path() {
        for path in [vec![1, 2, 3], vec![1, 3]] {
            let sql = database();
            for number in path {
                migrate(&sql, Role::Account, &version(number)).unwrap();
                if number == 1 {
                    fill(&sql);
                    sql.run("UPDATE users SET tier = 'pro', \"order\" = 7, legacy = 'ada', kind = 0.5", &[]).unwrap();
                }
            }
            let row = sql.run("SELECT tier, \"order\", nickname, sort, handle FROM users", &[]).unwrap().remove(0);
            let text = |text: &str| Value::Text(text.into());
            assert_eq!(row, [text("pro"), Value::Integer(7), text("ada"), Value::Real(0.5), Value::Null]);
        }
    }

    #[test]
    fn only_the_aggregate_takes_a_value_twice() {
        let insert = |sql: &dyn Sql, id: &str| {
            sql.run("INSERT INTO users (account_id, registered_at, handle) VALUES (?, 0, 'x')", &[id.into()])
        };
        for (role, taken) in [(Role::Account, false), (Role::Aggregate, true)] {
            let sql = database();
            migrate(&sql, role, &version(3)).unwrap();
            insert(&sql, "a").unwrap();
            assert_eq!(insert(&sql, "b").is_ok(), taken);
        }
    }

    #[test]
    fn a_database_shows_its_role() {
        for role in [Role::Account, Role::Directory, Role::Aggregate] {
            let sql = database();
            migrate(&sql, role, &version(1)).unwrap();
            assert_eq!(role_of(&sql).unwrap(), Some(role));
        }
    }

    #[test]
    fn what_is_dropped_or_renamed_need_not_have_been_there() {
        let sql = database();
        let first = stripeflare_schema::Schema {
            table: USERS,
            columns: &[TIER, ORDER],
            dropped: &[],
            indexes: &[],
            steps: &[],
        };
        migrate(&sql, Role::Account, &first.into()).unwrap();
        let last = stripeflare_schema::Schema { steps: &[], ..VERSIONS[3] };
        migrate(&sql, Role::Account, &last.into()).unwrap();
        let fresh = database();
        migrate(&fresh, Role::Account, &last.into()).unwrap();
        assert_eq!(shape(&sql), shape(&fresh));
    }

    #[test]
    fn a_migration_that_fails_leaves_the_old_schema_and_says_why() {
        let sql = database();
        migrate(&sql, Role::Account, &version(1)).unwrap();
        fill(&sql);
        let before = shape(&sql);
        const BROKEN: &[Step] = &[Step::new(2, "UPDATE users SET nick = 1")];
        let broken = stripeflare_schema::Schema { steps: BROKEN, ..VERSIONS[2] };
        for _ in 0..2 {
            sql.run("BEGIN", &[]).unwrap();
            let error = migrate(&sql, Role::Account, &broken.into()).unwrap_err().to_string();
            sql.run("ROLLBACK", &[]).unwrap();
            assert!(
                error.contains("version 2")
                    && error.contains("UPDATE users SET nick")
                    && error.contains("no such column"),
                "{error}"
            );
            assert_eq!(shape(&sql), before);
        }
        migrate(&sql, Role::Account, &version(2)).unwrap();
    }

    #[test]
    fn an_older_deploy_leaves_a_newer_database_alone() {
        let sql = database();
        migrate(&sql, Role::Account, &version(3)).unwrap();
        let before = shape(&sql);
        let error = migrate(&sql, Role::Account, &version(2)).unwrap_err().to_string();
        assert!(error.contains("version 3 of the columns") && error.contains("this deploy knows 2"), "{error}");
        assert_eq!(shape(&sql), before);
        record(&sql, "tables", 99).unwrap();
        let error = migrate(&sql, Role::Account, &version(3)).unwrap_err().to_string();
        assert!(error.contains("version 99 of the tables"), "{error}");
    }

    #[test]
    fn no_column_of_an_application_can_be_called_like_one_of_the_wallet() {
        let sql = database();
        migrate(&sql, Role::Account, &version(0)).unwrap();
        for column in present(&sql, USERS).unwrap().columns {
            assert!(
                stripeflare_schema::RESERVED_NAMES.contains(&column.as_str()),
                "add `{column}` to RESERVED_NAMES in stripeflare-schema"
            );
        }
    }

    #[test]
    fn no_table_of_an_application_can_be_called_like_one_of_an_account() {
        let sql = database();
        migrate(&sql, Role::Account, &version(0)).unwrap();
        for row in sql.run("SELECT name FROM sqlite_master WHERE type IN ('table', 'view')", &[]).unwrap() {
            let name = Reader::new(row).text().unwrap();
            assert!(
                stripeflare_schema::RESERVED_TABLES.contains(&name.as_str())
                    || name.starts_with(stripeflare_schema::RESERVED_PREFIX),
                "add `{name}` to RESERVED_TABLES in stripeflare-schema"
            );
        }
    }

    const NOTE: [stripeflare_schema::Schema; 2] = [
        stripeflare_schema::Schema {
            table: "note",
            columns: &[
                ColumnDef::new("id", ColumnType::Integer, false).key(),
                ColumnDef::new("tag", ColumnType::Text, false).index(),
                ColumnDef::new("legacy", ColumnType::Text, true),
            ],
            dropped: &[],
            indexes: &[],
            steps: &[],
        },
        stripeflare_schema::Schema {
            table: "note",
            columns: &[
                ColumnDef::new("id", ColumnType::Integer, false).key(),
                ColumnDef::new("label", ColumnType::Text, false).index().since(2).renamed_from("tag"),
                ColumnDef::new("pinned", ColumnType::Integer, false).since(2),
            ],
            dropped: &[Dropped::new("legacy", 2)],
            indexes: &[IndexDef::new(&["pinned", "id"], 2)],
            steps: &[Step::new(2, "UPDATE note SET label = label || '!'")],
        },
    ];

    #[test]
    fn a_table_of_an_application_has_versions_of_its_own() {
        let with = |number: usize| version(1).with(std::slice::from_ref(&NOTE[number]));
        let definition = |sql: &dyn Sql| {
            let rows = sql.run("SELECT name, type FROM pragma_table_info('note') ORDER BY name", &[]).unwrap();
            let indexes = sql.run("SELECT name, 'index' FROM pragma_index_list('note') ORDER BY name", &[]).unwrap();
            [rows, indexes].concat()
        };
        let fresh = database();
        migrate(&fresh, Role::Account, &with(1)).unwrap();
        for first in [None, Some(version(1)), Some(with(0))] {
            let sql = database();
            if let Some(first) = first {
                migrate(&sql, Role::Account, &first).unwrap();
                if !first.tables.is_empty() {
                    sql.run("INSERT INTO note (tag, legacy) VALUES ('a', 'b')", &[]).unwrap();
                }
            }
            for _ in 0..2 {
                migrate(&sql, Role::Account, &with(1)).unwrap();
            }
            assert_eq!(definition(&sql), definition(&fresh));
            for row in sql.run("SELECT id, label, pinned FROM note", &[]).unwrap() {
                assert_eq!(row, [Value::Integer(1), "a!".into(), Value::Integer(0)]);
            }
            let error = migrate(&sql, Role::Account, &with(0)).unwrap_err().to_string();
            assert!(error.contains("version 2 of the table `note`"), "{error}");
        }
        let aggregate = database();
        migrate(&aggregate, Role::Aggregate, &with(1)).unwrap();
        assert!(definition(&aggregate).is_empty(), "they are in accounts alone");
    }

    #[test]
    fn a_number_that_a_table_gave_is_not_given_again() {
        let sql = database();
        migrate(&sql, Role::Account, &version(0).with(&NOTE[..1])).unwrap();
        let insert = || sql.run("INSERT INTO note (tag) VALUES ('a') RETURNING id", &[]).unwrap().remove(0);
        assert_eq!(insert(), [Value::Integer(1)]);
        sql.run("DELETE FROM note", &[]).unwrap();
        assert_eq!(insert(), [Value::Integer(2)]);
    }
}
