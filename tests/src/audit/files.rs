//! The files of a disk, each with the role that its tables say.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use rusqlite::ffi::SQLITE_READONLY_ROLLBACK;
use rusqlite::{Connection, OpenFlags, Row};

/// The objects' files below a folder; the runtime keeps alarms in `metadata.sqlite`.
pub(super) fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path)?);
        } else if path.extension().is_some_and(|it| it == "sqlite") && !path.ends_with("metadata.sqlite") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Empty,
    Account,
    Directory,
    Aggregate,
}

pub(super) fn open(file: &Path) -> Result<(Connection, Role)> {
    let (sql, tables) = match look(file, OpenFlags::SQLITE_OPEN_READ_ONLY) {
        // A worker was killed while it wrote, and nobody has rolled that back yet: whoever opens the file next does.
        Err(rusqlite::Error::SqliteFailure(error, _)) if error.extended_code == SQLITE_READONLY_ROLLBACK => {
            look(file, OpenFlags::SQLITE_OPEN_READ_WRITE)
        }
        looked => looked,
    }?;
    let has = |name: &str| tables.iter().any(|table| table == name);
    let role = match (has("keyed_entries"), has("places"), has("all_payments")) {
        (true, false, false) => Role::Account,
        (false, true, false) => Role::Directory,
        (false, false, true) => Role::Aggregate,
        (false, false, false) if tables.iter().all(|table| table.starts_with("_cf_")) => Role::Empty,
        _ => anyhow::bail!("it is neither account nor directory shard nor aggregate: {tables:?}"),
    };
    let integrity: String = sql.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
    anyhow::ensure!(integrity == "ok", "{integrity}");
    Ok((sql, role))
}

/// The file, and its tables.
fn look(file: &Path, flags: OpenFlags) -> rusqlite::Result<(Connection, Vec<String>)> {
    let sql = Connection::open_with_flags(file, flags)?;
    sql.busy_timeout(Duration::from_secs(5))?;
    let tables = rows(&sql, "SELECT name FROM sqlite_master WHERE type = 'table'", |row| row.get(0))?;
    Ok((sql, tables))
}

pub(super) fn rows<T>(
    sql: &Connection,
    select: &str,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<T>> {
    sql.prepare(select)?.query_map([], read)?.collect()
}
