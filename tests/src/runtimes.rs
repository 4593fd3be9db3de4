//! The workerd that wrangler brings, and later ones, which `tests/workerd` pins by themselves.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use anyhow::{Context, Result, ensure};

/// A release of the runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Runtime {
    /// As wrangler has it.
    Pinned,
    /// One of those that never cancel a stream whose client has left.
    WithoutCancel,
    /// The newest when it was raised last.
    Newest,
}

impl Runtime {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Pinned, Self::WithoutCancel, Self::Newest];

    /// The program, installed now if it is not there; `None` for the one that is used anyhow.
    pub(crate) fn program(self) -> Result<Option<PathBuf>> {
        let alias = match self {
            Self::Pinned => return Ok(None),
            Self::WithoutCancel => "workerd-without-cancel",
            Self::Newest => "workerd-newest",
        };
        static INSTALLING: Mutex<()> = Mutex::new(());
        let _one = INSTALLING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("workerd");
        let lock = |path: &str| std::fs::read_to_string(dir.join(path)).unwrap_or_default();
        // What npm installed it remembers after all else.
        if !versions(&lock("package-lock.json")).is_subset(&versions(&lock("node_modules/.package-lock.json"))) {
            let mut npm = Command::new("npm");
            npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(&dir);
            ensure!(npm.status().context("npm does not start")?.success(), "npm ci in {} failed", dir.display());
        }
        // npm runs it with node; the binary is in a package beside it, or in one that both share.
        let modules = dir.join("node_modules");
        let places = [modules.join(alias).join("node_modules"), modules];
        let binaries =
            places.iter().map(|modules| modules.join(format!("@cloudflare/workerd-{}/bin/workerd", platform())));
        let binary = binaries.into_iter().find(|binary| binary.is_file());
        Ok(Some(
            binary.with_context(|| format!("{alias} is not there: remove {}", dir.join("node_modules").display()))?,
        ))
    }
}

/// The releases that a lock file is about.
fn versions(lock: &str) -> std::collections::BTreeSet<String> {
    let lock: serde_json::Value = serde_json::from_str(lock).unwrap_or_default();
    let packages = lock["packages"]
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(path, _)| path.starts_with("node_modules/workerd-"));
    packages
        .map(|(path, package)| format!("{path} {}", package["version"]))
        .filter(|name| !name.contains("@cloudflare"))
        .collect()
}

fn platform() -> String {
    let system = if cfg!(target_os = "macos") { "darwin" } else { "linux" };
    format!("{system}-{}", if cfg!(target_arch = "aarch64") { "arm64" } else { "64" })
}
