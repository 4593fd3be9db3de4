//! Rust toolchains, their wasm target and the sources of `std`.

use std::path::Path;

use anyhow::{Context, Result, bail};

use super::Panic;
use crate::{process, progress};

const TARGET: &str = "wasm32-unknown-unknown";

/// Builds `std` so that it unwinds, which no stable compiler does. Not every nightly can: try one before naming it here.
pub(crate) const NIGHTLY: &str = "nightly-2026-05-20";

/// Looks first; asks rustup only for what is missing.
pub(super) fn provision(dir: &Path, panic: Panic) -> Result<()> {
    match panic {
        Panic::Unwind => provision_nightly(dir).context(
            "the nightly compiler could not be set up. `cargo stripeflare build --abort` does without it, but then a panic \
             ends all requests that its isolate is answering",
        ),
        Panic::Abort if has_target(dir) => Ok(()),
        Panic::Abort => rustup(dir, &["target", "add", TARGET], "workers are WebAssembly"),
    }
}

fn provision_nightly(dir: &Path) -> Result<()> {
    if has_sources(dir) {
        return Ok(());
    }
    let arguments = ["toolchain", "install", NIGHTLY, "--profile", "minimal", "--component", "rust-src"];
    rustup(dir, &arguments, "so that a panic ends its own request only")
}

fn rustup(dir: &Path, arguments: &[&str], why: &str) -> Result<()> {
    let spelled = format!("rustup {}", arguments.join(" "));
    progress::step(&spelled, why, || {
        process::capture(process::command("rustup").args(arguments).current_dir(dir)).map(drop)
    })
    .with_context(|| format!("this needs rustup (https://rustup.rs) and its server; try `{spelled}` by hand"))
}

fn has_target(dir: &Path) -> bool {
    let mut rustc = process::command("rustc");
    let libraries = rustc.args(["--print", "target-libdir", "--target", TARGET]).current_dir(dir);
    process::first_line(libraries).is_ok_and(|path| Path::new(&path).is_dir())
}

fn has_sources(dir: &Path) -> bool {
    let mut rustc = process::command("rustc");
    // Wins over RUSTUP_TOOLCHAIN, which an outer cargo sets. Where it is missing, rustup may install it, but not its sources.
    let sysroot = rustc.arg(format!("+{NIGHTLY}")).args(["--print", "sysroot"]).current_dir(dir);
    process::first_line(sysroot)
        .is_ok_and(|root| Path::new(&root).join("lib/rustlib/src/rust/library/Cargo.lock").is_file())
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
