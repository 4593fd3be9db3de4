//! Installs what is missing, from package registries only, and nothing twice.

mod npm;
mod toolchain;

use std::env;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

pub use npm::NpmTools;
pub(crate) use npm::check_node;
pub(crate) use toolchain::NIGHTLY;

use crate::process;
use crate::progress;
use crate::project::Project;

/// How the worker is compiled, which decides the toolchain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Panic {
    /// A panic ends its own request only. Builds `std` with nightly.
    Unwind,
    /// A panic ends every request in flight in the isolate. Builds with the project's own toolchain.
    Abort,
}

/// Sets up all that `build` needs for a project.
///
/// # Errors
/// Says what is missing, why it could not be installed and what to do.
pub fn for_build(project: &Project, panic: Panic) -> Result<NpmTools> {
    // Before what takes minutes.
    check_node()?;
    let _lock = Lock::take()?;
    toolchain::provision(&project.dir, panic)?;
    npm::provision(Some(&project.workspace_root))
}

/// Sets up the toolchain alone, which compiles a worker.
///
/// # Errors
/// Says what is missing, why it could not be installed and what to do.
pub fn toolchain(project: &Project, panic: Panic) -> Result<()> {
    let _lock = Lock::take()?;
    toolchain::provision(&project.dir, panic)
}

/// Sets up the npm packages alone: workerd and wrangler, as for a worker in this folder.
///
/// # Errors
/// Says what is missing, why it could not be installed and what to do.
pub fn npm(dir: &Path) -> Result<NpmTools> {
    let _lock = Lock::take()?;
    npm::provision(workspace_root(dir)?.as_deref())
}

/// As cargo says of the nearest package. What lies above a workspace is not the user's choice, and anybody can put a lock
/// file and a `package.json` into a folder that is everybody's.
fn workspace_root(dir: &Path) -> Result<Option<PathBuf>> {
    let mut manifests = dir.ancestors().map(|dir| dir.join("Cargo.toml"));
    let Some(manifest) = manifests.find(|manifest| manifest.is_file()) else { return Ok(None) };
    let mut cargo = process::command("cargo");
    cargo.args(["locate-project", "--workspace", "--message-format", "plain", "--manifest-path"]).arg(manifest);
    Ok(Path::new(&process::first_line(&mut cargo)?).parent().map(Path::to_owned))
}

/// `$CARGO_HOME/stripeflare`: shared between projects, a folder per tool and version.
fn tools_dir() -> Result<PathBuf> {
    let cargo_home = match env::var_os("CARGO_HOME") {
        Some(dir) => PathBuf::from(dir),
        None => env::home_dir().context("no home directory; set CARGO_HOME")?.join(".cargo"),
    };
    Ok(cargo_home.join("stripeflare"))
}

/// Held while something is installed, so that parallel tests install it once.
struct Lock(#[expect(dead_code, reason = "closing the file releases the lock")] File);

impl Lock {
    fn take() -> Result<Self> {
        let dir = tools_dir()?;
        fs::create_dir_all(&dir).with_context(|| format!("cannot create {}", dir.display()))?;
        let path = dir.join(".lock");
        let file = File::create(&path).with_context(|| format!("cannot open {}", path.display()))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                progress::step("waiting", "another cargo stripeflare is setting up", || {
                    file.lock().with_context(|| format!("cannot lock {}", path.display()))
                })?;
            }
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("cannot lock {}", path.display()));
            }
        }
        Ok(Self(file))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_json_and_a_lock_file_put_above_the_workspace() {
        let shared = tempfile::tempdir().unwrap();
        let shared = shared.path().canonicalize().unwrap();
        for planted in ["package.json", "package-lock.json", "Cargo.lock"] {
            fs::write(shared.join(planted), "{}").unwrap();
        }
        assert_eq!(workspace_root(&shared).unwrap(), None);
        let workspace = shared.join("worker");
        fs::create_dir_all(workspace.join("src")).unwrap();
        fs::create_dir(workspace.join("build")).unwrap();
        fs::write(workspace.join("Cargo.toml"), "[package]\nname = \"worker\"\nedition = \"2024\"").unwrap();
        fs::write(workspace.join("src/lib.rs"), "").unwrap();
        assert_eq!(
            workspace_root(&workspace.join("build")).unwrap(),
            Some(workspace.clone()),
            "before it has a lock file"
        );
    }
}
