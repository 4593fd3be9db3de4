//! `cargo stripeflare schema`: the versions of a worker's columns, as the compiled worker declares them.
//!
//! Only the compiler knows a column's type, and which fields there are under a `cfg`; so the worker is compiled, and tells
//! in a section of its WebAssembly file that is never loaded.

use std::fmt::Write as _;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use stripeflare_schema::lock::{FILE, Lock, Version};
use stripeflare_schema::{Dump, SECTION, Schema, USERS, read_dump};

use crate::build;
use crate::project::Project;

/// A worker's columns and tables, and what is recorded of them.
#[derive(Debug)]
pub struct Found {
    dump: Dump,
    lock: Lock,
    path: PathBuf,
}

impl Found {
    /// Compiles a worker and looks into it.
    ///
    /// # Errors
    /// When it does not compile, has no `#[stripeflare::main]`, or the lock file cannot be read.
    pub fn in_worker(options: &build::Options) -> Result<Self> {
        Self::in_wasm(&build::compile(options)?, &options.dir)
    }

    /// Looks into what was compiled last; `None` if nothing was.
    ///
    /// # Errors
    /// As [`Found::in_worker`].
    pub(crate) fn in_last_build(project: &Project) -> Result<Option<Self>> {
        build::last_compiled(project).map(|wasm| Self::in_wasm(&wasm, &project.dir)).transpose()
    }

    fn in_wasm(wasm: &[u8], dir: &Path) -> Result<Self> {
        let dump = section(wasm, SECTION).context("no WebAssembly")?;
        let dump = dump.context("this worker has no `#[stripeflare::main]` that would say what its columns are")?;
        let path = dir.join(FILE);
        Ok(Self { dump: read_dump(dump)?, lock: read_lock(&path)?, path })
    }

    /// The columns of users, then the application's own tables.
    fn schemas(&self) -> impl Iterator<Item = &Schema> {
        std::iter::once(&self.dump.schema).chain(&self.dump.tables)
    }

    fn recorded(&self, schema: &Schema) -> u32 {
        self.lock.history(schema.table).map_or(0, stripeflare_schema::lock::History::last)
    }

    /// Whether every version is recorded.
    pub(crate) fn is_recorded(&self) -> bool {
        self.schemas().all(|schema| self.recorded(schema) >= schema.version())
    }

    /// Records the versions that are new, and says which.
    ///
    /// # Errors
    /// When the file cannot be written, or there is nothing to record.
    pub fn lock(&self) -> Result<String> {
        if self.schemas().all(|schema| schema.version() == 0) {
            bail!("this worker has no columns and no tables of its own: there is nothing to record");
        }
        let mut lock = Lock { user: self.dump.user.to_owned(), ..self.lock.clone() };
        let mut text = String::new();
        for schema in self.schemas() {
            let (before, count) = (self.recorded(schema), lock.history_mut(schema.table).record(schema));
            let versions = match count {
                0 => continue,
                1 => format!("version {}", before + 1),
                _ => format!("versions {} to {}", before + 1, schema.version()),
            };
            let what = if schema.table == USERS { self.dump.user } else { schema.table };
            let _ = writeln!(text, "Recorded {versions} of `{what}` in {}.", self.path.display());
        }
        if text.is_empty() {
            return Ok(format!("{FILE} has all versions already.\n"));
        }
        fs::write(&self.path, lock.render()).with_context(|| format!("cannot write {}", self.path.display()))?;
        Ok(text + "Commit it with the release.\n")
    }

    /// The SQL of every version.
    #[must_use]
    pub fn sql(&self) -> String {
        match self.versions(|_| 0) {
            text if text.is_empty() => "This worker has no columns and no tables of its own.\n".to_owned(),
            text => text,
        }
    }

    /// The SQL of the versions that are not recorded.
    #[must_use]
    pub fn diff(&self) -> String {
        match self.versions(|schema| self.recorded(schema)) {
            text if text.is_empty() => format!("Nothing new: {FILE} has all versions.\n"),
            text => text,
        }
    }

    /// The versions after some.
    fn versions(&self, after: impl Fn(&Schema) -> u32) -> String {
        let mut text = String::new();
        for schema in self.schemas() {
            for version in after(schema) + 1..=schema.version() {
                let recorded = match self.lock.history(schema.table).and_then(|history| history.version(version)) {
                    Some(recorded) if *recorded == Version::of(schema, version) => " (recorded)",
                    // A column of it was renamed or dropped later.
                    Some(_) => " (recorded), as a new database runs it",
                    None => "",
                };
                let _ = writeln!(text, "-- {}, version {version}{recorded}", schema.table);
                for statement in schema.statements(version, false, None) {
                    let _ = writeln!(text, "{statement};");
                }
            }
        }
        text
    }
}

fn read_lock(path: &Path) -> Result<Lock> {
    match fs::read_to_string(path) {
        Ok(text) => Lock::parse(&text).map_err(|problem| anyhow::anyhow!("{}: {problem}", path.display())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Lock::default()),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

/// The content of a custom section of a WebAssembly file; `None` for what is no such file.
fn section<'a>(wasm: &'a [u8], wanted: &str) -> Option<Option<&'a [u8]>> {
    let mut rest = wasm.strip_prefix(b"\0asm\x01\0\0\0")?;
    while let Some((id, after)) = rest.split_first() {
        let (length, after) = number(after)?;
        let (content, next) = after.split_at_checked(length)?;
        if *id == 0 {
            let (length, content) = number(content)?;
            let (name, content) = content.split_at_checked(length)?;
            if name == wanted.as_bytes() {
                return Some(Some(content));
            }
        }
        rest = next;
    }
    Some(None)
}

/// An unsigned LEB128 number of at most 32 bits, and what follows it.
fn number(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut value = 0;
    for (place, byte) in bytes.iter().take(5).enumerate() {
        value |= usize::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Some((value, &bytes[place + 1..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use stripeflare_schema::lock::History;
    use stripeflare_schema::{ColumnDef, ColumnType, dump, dump_length};

    use super::*;

    const SCHEMA: Schema = Schema {
        table: USERS,
        columns: &[
            ColumnDef::new("tier", ColumnType::Text, false),
            ColumnDef::new("points", ColumnType::Integer, true).since(2),
        ],
        dropped: &[],
        indexes: &[],
        steps: &[],
    };

    const NOTE: Schema =
        Schema { table: "note", columns: &[ColumnDef::new("id", ColumnType::Integer, false).key()], ..SCHEMA };

    fn worker() -> Dump {
        Dump { user: "User", schema: SCHEMA, tables: vec![NOTE] }
    }

    fn found(lock: Lock, dir: &Path) -> Found {
        Found { dump: worker(), lock, path: dir.join(FILE) }
    }

    #[test]
    fn a_section_is_found_among_others() {
        const LENGTH: usize = dump_length("User", &SCHEMA, &[NOTE]);
        let mut wasm = b"\0asm\x01\0\0\0".to_vec();
        wasm.extend(b"\x01\x04\x01\x60\0\0");
        for (name, content) in [("other", vec![7; 200]), (SECTION, dump::<LENGTH>("User", &SCHEMA, &[NOTE]).to_vec())] {
            let length = 1 + name.len() + content.len();
            wasm.extend([0, (length & 0x7f) as u8 | 0x80, (length >> 7) as u8, name.len() as u8]);
            wasm.extend(name.bytes());
            wasm.extend(content);
        }
        assert_eq!(read_dump(section(&wasm, SECTION).unwrap().unwrap()).unwrap(), worker());
        assert_eq!(section(&wasm, "third"), Some(None));
        assert_eq!(section(&wasm[..wasm.len() - 1], SECTION), None, "cut off");
        assert_eq!(section(b"#!/bin/sh", SECTION), None);
    }

    #[test]
    fn versions_are_recorded_once() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(found(Lock::default(), dir.path()).diff(), found(Lock::default(), dir.path()).sql());
        let said = found(Lock::default(), dir.path()).lock().unwrap();
        assert!(
            said.starts_with("Recorded versions 1 to 2 of `User`") && said.contains("version 1 of `note`"),
            "{said}"
        );
        let lock = read_lock(&dir.path().join(FILE)).unwrap();
        assert_eq!(lock.versions.last(), 2);
        assert!(found(lock.clone(), dir.path()).lock().unwrap().contains("has all versions"));
        assert!(found(lock.clone(), dir.path()).diff().starts_with("Nothing new"));
        let first = Lock { versions: History(lock.versions.0[..1].to_vec()), ..lock.clone() };
        let diff = found(first, dir.path()).diff();
        assert_eq!(diff, "-- users, version 2\nALTER TABLE users ADD COLUMN \"points\" INTEGER;\n");
        let diff = found(Lock { tables: Vec::new(), ..lock }, dir.path()).diff();
        assert!(diff.starts_with("-- note, version 1\nCREATE TABLE \"note\""), "{diff}");
    }
}
