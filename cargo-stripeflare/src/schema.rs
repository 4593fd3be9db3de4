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
use stripeflare_schema::{SECTION, Schema, read_dump};

use crate::build;
use crate::project::Project;

/// A worker's columns and what is recorded of them.
#[derive(Debug)]
pub struct Found {
    user: &'static str,
    schema: Schema,
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
        let (user, schema) = read_dump(dump)?;
        let path = dir.join(FILE);
        Ok(Self { user, schema, lock: read_lock(&path)?, path })
    }

    /// Whether every version is recorded.
    pub(crate) fn is_recorded(&self) -> bool {
        self.lock.last() >= self.schema.version()
    }

    /// Records the versions that are new, and says which.
    ///
    /// # Errors
    /// When the file cannot be written, or there are no columns.
    pub fn lock(&self) -> Result<String> {
        if self.schema.version() == 0 {
            bail!("this worker has no columns of its own: there is nothing to record");
        }
        let mut lock = self.lock.clone();
        let count = lock.record(self.user, &self.schema);
        if count == 0 {
            return Ok(format!("{FILE} has all versions up to {} already.\n", lock.last()));
        }
        fs::write(&self.path, lock.render()).with_context(|| format!("cannot write {}", self.path.display()))?;
        let versions = match count {
            1 => format!("version {}", lock.last()),
            _ => format!("versions {} to {}", self.lock.last() + 1, lock.last()),
        };
        Ok(format!("Recorded {versions} of `{}` in {}. Commit it with the release.\n", self.user, self.path.display()))
    }

    /// The SQL of every version.
    #[must_use]
    pub fn sql(&self) -> String {
        match self.schema.version() {
            0 => "This worker has no columns of its own.\n".to_owned(),
            last => self.versions(1, last),
        }
    }

    /// The SQL of the versions that are not recorded.
    #[must_use]
    pub fn diff(&self) -> String {
        let (recorded, last) = (self.lock.last(), self.schema.version());
        match recorded {
            _ if recorded >= last => format!("Nothing new: {FILE} has all versions up to {last}.\n"),
            _ => self.versions(recorded + 1, last),
        }
    }

    fn versions(&self, first: u32, last: u32) -> String {
        let mut text = String::new();
        for version in first..=last {
            let recorded = match self.lock.version(version) {
                Some(recorded) if *recorded == Version::of(&self.schema, version) => " (recorded)",
                // A column of it was renamed or dropped later.
                Some(_) => " (recorded), as a new database runs it",
                None => "",
            };
            let _ = writeln!(text, "-- version {version}{recorded}");
            for statement in self.schema.statements(version, false, None) {
                let _ = writeln!(text, "{statement};");
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
    use stripeflare_schema::{ColumnDef, ColumnType, dump, dump_length};

    use super::*;

    const SCHEMA: Schema = Schema {
        columns: &[
            ColumnDef::new("tier", ColumnType::Text, false),
            ColumnDef::new("points", ColumnType::Integer, true).since(2),
        ],
        dropped: &[],
        indexes: &[],
        steps: &[],
    };

    fn found(lock: Lock, dir: &Path) -> Found {
        Found { user: "User", schema: SCHEMA, lock, path: dir.join(FILE) }
    }

    #[test]
    fn a_section_is_found_among_others() {
        const LENGTH: usize = dump_length("User", &SCHEMA);
        let mut wasm = b"\0asm\x01\0\0\0".to_vec();
        wasm.extend(b"\x01\x04\x01\x60\0\0");
        for (name, content) in [("other", vec![7; 200]), (SECTION, dump::<LENGTH>("User", &SCHEMA).to_vec())] {
            let length = 1 + name.len() + content.len();
            wasm.extend([0, (length & 0x7f) as u8 | 0x80, (length >> 7) as u8, name.len() as u8]);
            wasm.extend(name.bytes());
            wasm.extend(content);
        }
        assert_eq!(read_dump(section(&wasm, SECTION).unwrap().unwrap()).unwrap(), ("User", SCHEMA));
        assert_eq!(section(&wasm, "third"), Some(None));
        assert_eq!(section(&wasm[..wasm.len() - 1], SECTION), None, "cut off");
        assert_eq!(section(b"#!/bin/sh", SECTION), None);
    }

    #[test]
    fn versions_are_recorded_once() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(found(Lock::default(), dir.path()).diff(), found(Lock::default(), dir.path()).sql());
        assert!(found(Lock::default(), dir.path()).lock().unwrap().starts_with("Recorded versions 1 to 2 of `User`"));
        let lock = read_lock(&dir.path().join(FILE)).unwrap();
        assert_eq!(lock.last(), 2);
        assert!(found(lock.clone(), dir.path()).lock().unwrap().contains("has all versions up to 2"));
        assert!(found(lock.clone(), dir.path()).diff().starts_with("Nothing new"));
        let first = Lock { versions: lock.versions[..1].to_vec(), ..lock };
        let diff = found(first, dir.path()).diff();
        assert_eq!(diff, "-- version 2\nALTER TABLE users ADD COLUMN \"points\" INTEGER;\n");
    }
}
