//! `.dev.vars`, the variables and secrets that `wrangler dev` gives a worker, and files of the same form.

use std::collections::BTreeMap;
use std::fs::{self, File, Permissions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The file, line by line, so that what the user wrote stays as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DevVars {
    path: PathBuf,
    lines: Vec<String>,
}

impl DevVars {
    /// Reads `.dev.vars` in a worker's folder; `None` if there is none.
    ///
    /// # Errors
    /// If it cannot be read, or kept from others.
    pub fn read(dir: &Path) -> Result<Option<Self>> {
        Self::read_file(dir.join(".dev.vars"))
    }

    /// Reads a file of any name; `None` if there is none. From then on it is its owner's alone to read.
    ///
    /// # Errors
    /// If it cannot be read, or kept from others.
    pub fn read_file(path: PathBuf) -> Result<Option<Self>> {
        let read = || {
            let mode = fs::metadata(&path)?.permissions().mode();
            if mode & 0o077 != 0 {
                fs::set_permissions(&path, Permissions::from_mode(mode & 0o700))?;
            }
            fs::read_to_string(&path)
        };
        match read() {
            Ok(text) => Ok(Some(Self { path, lines: text.lines().map(str::to_owned).collect() })),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("cannot read {} and keep it private", path.display())),
        }
    }

    /// A `.dev.vars` without a line, not yet written.
    pub fn empty(dir: &Path) -> Self {
        Self::empty_file(dir.join(".dev.vars"))
    }

    /// A file without a line, not yet written.
    pub fn empty_file(path: PathBuf) -> Self {
        Self { path, lines: Vec::new() }
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A variable's value, without quotes around it.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.lines
            .iter()
            .rev()
            .filter_map(|line| assignment(line))
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value)
    }

    /// Adds a line of explanation.
    pub fn comment(&mut self, text: &str) {
        self.lines.push(format!("# {text}"));
    }

    /// Changes or adds variables; says whether anything was other than that before.
    pub fn set(&mut self, vars: &BTreeMap<String, String>) -> bool {
        let mut changed = false;
        for (name, value) in vars {
            if self.get(name) == Some(value) {
                continue;
            }
            self.lines.retain(|line| assignment(line).is_none_or(|(key, _)| key != name));
            self.lines.push(format!("{name}={value}"));
            changed = true;
        }
        changed
    }

    /// Writes the file; a new one is its owner's alone to read.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn save(&self) -> Result<()> {
        let mut options = File::options();
        options.create(true).write(true).truncate(true).mode(0o600);
        let written = options.open(&self.path).and_then(|mut file| writeln!(file, "{}", self.lines.join("\n")));
        written.with_context(|| format!("cannot write {}", self.path.display()))
    }
}

fn assignment(line: &str) -> Option<(&str, &str)> {
    let line = line.trim();
    let line = line.strip_prefix("export ").unwrap_or(line);
    if line.starts_with('#') {
        return None;
    }
    let (name, value) = line.split_once('=')?;
    let value = value.trim();
    let unquoted = ['"', '\'', '`'].iter().find_map(|quote| value.strip_prefix(*quote)?.strip_suffix(*quote));
    Some((name.trim(), unquoted.unwrap_or(value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_file_is_private_and_reads_back() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(DevVars::read(dir.path()).unwrap(), None);
        let mut vars = DevVars::empty(dir.path());
        vars.comment("made for tests");
        assert!(vars.set(&BTreeMap::from([("A".to_owned(), "1=2".to_owned())])));
        vars.save().unwrap();
        let mode = fs::metadata(vars.path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let read = DevVars::read(dir.path()).unwrap().unwrap();
        assert_eq!(read.get("A"), Some("1=2"));
    }

    #[test]
    fn a_file_that_others_can_read_is_tightened() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(".dev.vars");
        fs::write(&path, "A=1\n").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        DevVars::read(dir.path()).unwrap().unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn other_lines_stay_as_they_are() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(".dev.vars"), "# mine\nexport KEY = \"a b\"\nOTHER='x'\n").unwrap();
        let mut vars = DevVars::read(dir.path()).unwrap().unwrap();
        assert_eq!((vars.get("KEY"), vars.get("OTHER"), vars.get("NONE")), (Some("a b"), Some("x"), None));
        assert!(!vars.set(&BTreeMap::from([("OTHER".to_owned(), "x".to_owned())])));
        assert!(vars.set(&BTreeMap::from([("OTHER".to_owned(), "y".to_owned())])));
        vars.save().unwrap();
        assert_eq!(fs::read_to_string(vars.path()).unwrap(), "# mine\nexport KEY = \"a b\"\nOTHER=y\n");
    }
}
