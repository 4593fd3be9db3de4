//! Rust toolchains, their wasm target and the sources of `std`.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::Panic;
use crate::{process, progress};

const TARGET: &str = "wasm32-unknown-unknown";
const NIGHTLY: &str = "nightly";

/// Looks first; asks rustup only for what is missing.
pub(super) fn provision(dir: &Path, panic: Panic) -> Result<()> {
    if !has_target(dir, None) {
        rustup(dir, &["target", "add", TARGET], "workers are WebAssembly")?;
    }
    if panic == Panic::Unwind {
        provision_nightly(dir)?;
    }
    Ok(())
}

fn provision_nightly(dir: &Path) -> Result<()> {
    if sysroot(dir, Some(NIGHTLY)).is_none() {
        let arguments = ["toolchain", "install", NIGHTLY, "--profile", "minimal"];
        rustup(dir, &arguments, "so that a panic ends its own request only")?;
    }
    if !has_sources(dir) {
        let arguments = ["component", "add", "rust-src", "--toolchain", NIGHTLY];
        rustup(dir, &arguments, "std is built from source to unwind")?;
    }
    if !has_target(dir, Some(NIGHTLY)) {
        rustup(dir, &["target", "add", TARGET, "--toolchain", NIGHTLY], "workers are WebAssembly")?;
    }
    Ok(())
}

fn rustup(dir: &Path, arguments: &[&str], why: &str) -> Result<()> {
    let spelled = format!("rustup {}", arguments.join(" "));
    progress::step(&spelled, why, || {
        process::capture(process::command("rustup").args(arguments).current_dir(dir)).map(drop)
    })
    .with_context(|| format!("this needs rustup (https://rustup.rs) and its server; try `{spelled}` by hand"))
}

fn has_target(dir: &Path, toolchain: Option<&str>) -> bool {
    let mut rustc = rustc(dir, toolchain);
    let libraries = process::first_line(rustc.args(["--print", "target-libdir", "--target", TARGET]));
    libraries.is_ok_and(|path| Path::new(&path).is_dir())
}

fn has_sources(dir: &Path) -> bool {
    sysroot(dir, Some(NIGHTLY)).is_some_and(|root| root.join("lib/rustlib/src/rust/library/Cargo.lock").is_file())
}

fn sysroot(dir: &Path, toolchain: Option<&str>) -> Option<PathBuf> {
    let root = process::first_line(rustc(dir, toolchain).args(["--print", "sysroot"])).ok()?;
    Some(PathBuf::from(root)).filter(|root| root.is_dir())
}

fn rustc(dir: &Path, toolchain: Option<&str>) -> Command {
    let mut rustc = process::command("rustc");
    rustc.current_dir(dir);
    if let Some(toolchain) = toolchain {
        // Wins over RUSTUP_TOOLCHAIN, which an outer cargo sets.
        rustc.arg(format!("+{toolchain}"));
    }
    rustc
}

/// Refuses a version below `least`, both as `major.minor…`.
pub(super) fn at_least(found: &str, least: (u32, u32), what: &str) -> Result<()> {
    let mut numbers = found.trim_start_matches('v').split('.').map(|part| part.parse().unwrap_or(0));
    let version: (u32, u32) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    if version < least {
        bail!("{what} {found} is too old: {}.{} or newer is needed", least.0, least.1);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_as_numbers() {
        assert!(at_least("v20.20.2", (20, 3), "Node").is_ok());
        assert!(at_least("v100.0.0", (20, 3), "Node").is_ok());
        assert!(at_least("v20.2.9", (20, 3), "Node").unwrap_err().to_string().contains("20.3 or newer"));
        assert!(at_least("v8.17", (20, 3), "Node").is_err());
    }
}
