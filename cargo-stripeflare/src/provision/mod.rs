//! Installs what is missing, from package registries only, and nothing twice.

mod npm;
mod toolchain;

use std::env;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

pub use npm::NpmTools;
pub(crate) use toolchain::NIGHTLY;

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
    // Where cargo has its lock file is the workspace; what lies above is not the user's choice.
    npm::provision(dir.ancestors().find(|dir| dir.join("Cargo.lock").is_file()))
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
