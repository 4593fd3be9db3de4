//! What cargo knows about a worker's folder.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::process;

/// A worker's package and the workspace that it is part of.
#[derive(Debug, Clone)]
pub struct Project {
    /// The worker's folder, with its `Cargo.toml` and `wrangler.toml`.
    pub dir: PathBuf,
    /// The folder with the `Cargo.lock`.
    pub workspace_root: PathBuf,
    /// Shared by all workers of the workspace; `CARGO_TARGET_DIR` where that is set.
    pub target_dir: PathBuf,
    /// What cargo calls the compiled library, without an extension.
    pub library: String,
}

#[derive(Deserialize)]
struct Metadata {
    workspace_root: PathBuf,
    target_directory: PathBuf,
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    manifest_path: PathBuf,
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

#[derive(Deserialize)]
struct Lock {
    package: Vec<LockedPackage>,
}

#[derive(Deserialize)]
struct LockedPackage {
    name: String,
    version: String,
}

impl Package {
    fn worker(&self) -> Option<&Target> {
        self.targets.iter().find(|target| target.kind.iter().any(|kind| kind == "cdylib"))
    }
}

impl Project {
    /// Asks cargo about the package in `dir`.
    ///
    /// # Errors
    /// Says so if there is no `Cargo.toml` or cargo cannot read it.
    pub fn find(dir: &Path) -> Result<Self> {
        let dir = dir.canonicalize().with_context(|| format!("no folder {}", dir.display()))?;
        let manifest = dir.join("Cargo.toml");
        if !manifest.is_file() {
            bail!("{} has no Cargo.toml: run this in a worker's folder, or name one with --dir", dir.display());
        }
        let mut cargo = process::command("cargo");
        cargo.args(["metadata", "--format-version", "1", "--no-deps", "--manifest-path"]).arg(&manifest);
        // A relative CARGO_TARGET_DIR is relative to where the user is, not to the worker's folder.
        cargo.current_dir(env::current_dir()?);
        let json = process::capture(&mut cargo)?;
        let metadata: Metadata = serde_json::from_str(&json).context("cargo metadata answered something unknown")?;
        let package = metadata.packages.iter().find(|package| package.manifest_path == manifest);
        let target = package.and_then(Package::worker).with_context(|| {
            format!("{} is no worker: it needs `[lib]` with `crate-type = [\"cdylib\"]`", manifest.display())
        })?;
        Ok(Self {
            dir,
            workspace_root: metadata.workspace_root,
            target_dir: metadata.target_directory,
            library: target.name.replace('-', "_"),
        })
    }

    /// The one version of a crate that `Cargo.lock` names.
    ///
    /// # Errors
    /// If there is none, or several.
    pub fn locked_version(&self, name: &str) -> Result<String> {
        let path = self.workspace_root.join("Cargo.lock");
        if !path.is_file() {
            let mut cargo = process::command("cargo");
            process::capture(cargo.arg("generate-lockfile").current_dir(&self.workspace_root))?;
        }
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        locked_version(&text, name).with_context(|| format!("in {}", path.display()))
    }
}

fn locked_version(lock: &str, name: &str) -> Result<String> {
    let lock: Lock = toml::from_str(lock).context("not a Cargo.lock")?;
    let mut versions = lock.package.into_iter().filter(|package| package.name == name).map(|package| package.version);
    match (versions.next(), versions.next()) {
        (Some(version), None) => Ok(version),
        (None, _) => bail!("no package depends on `{name}`; a worker depends on `stripeflare`, which brings it"),
        (Some(one), Some(other)) => {
            bail!("two versions of `{name}`, {one} and {other}: `cargo tree -i {name}` shows who wants which")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = r#"
        version = 4
        [[package]]
        name = "worker"
        version = "0.8.7"
        [[package]]
        name = "syn"
        version = "2.0.1"
        [[package]]
        name = "syn"
        version = "3.0.0"
    "#;

    #[test]
    fn versions_come_from_the_lock() {
        assert_eq!(locked_version(LOCK, "worker").unwrap(), "0.8.7");
        assert!(locked_version(LOCK, "syn").unwrap_err().to_string().contains("2.0.1 and 3.0.0"));
        assert!(locked_version(LOCK, "wasm-bindgen").unwrap_err().to_string().contains("no package"));
    }
}
