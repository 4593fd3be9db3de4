//! Running other programs.

use std::env;
use std::ffi::OsStr;
use std::io::{self, ErrorKind};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, anyhow, bail};

use crate::progress;

/// How much of a failed program's output an error repeats.
const TAIL_LINES: usize = 40;

/// A command without the variables that `cargo run` and `cargo test` add for *this* package.
///
/// With them a nested cargo would see another environment than from a shell, and rebuild what it has.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(belongs_to_outer_cargo) {
            command.env_remove(name);
        }
    }
    command
}

fn belongs_to_outer_cargo(name: &str) -> bool {
    const NAMES: [&str; 7] = [
        "CARGO",
        "CARGO_BUILD_TARGET",
        "CARGO_CRATE_NAME",
        "CARGO_MANIFEST_DIR",
        "CARGO_MANIFEST_PATH",
        "CARGO_PRIMARY_PACKAGE",
        "OUT_DIR",
    ];
    NAMES.contains(&name) || name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_BIN_")
}

/// Runs a command to its end and returns what it printed on stdout; an error repeats the end of its output.
pub(crate) fn capture(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output().map_err(|error| cannot_start(command, &error))?;
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        let printed = format!("{stdout}{}", String::from_utf8_lossy(&output.stderr));
        bail!("`{}` ended with {}:\n{}", shown(command), output.status, tail(&printed));
    }
    Ok(stdout)
}

/// Runs a command to its end, its output going where ours goes.
pub(crate) fn inherit(command: &mut Command) -> Result<()> {
    if progress::is_under_wrangler() {
        command.stderr(io::stdout());
    }
    let status = command.stdin(Stdio::null()).status().map_err(|error| cannot_start(command, &error))?;
    if !status.success() {
        bail!("`{}` ended with {status}", shown(command));
    }
    Ok(())
}

fn cannot_start(command: &Command, error: &std::io::Error) -> anyhow::Error {
    let program = command.get_program().to_string_lossy();
    if error.kind() == ErrorKind::NotFound {
        anyhow!("`{program}` was not found; install it or put it on PATH")
    } else {
        anyhow!("`{program}` could not be started: {error}")
    }
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}

fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
}

/// The first line that a program prints, such as its version.
pub(crate) fn first_line(command: &mut Command) -> Result<String> {
    let stdout = capture(command)?;
    Ok(stdout.lines().next().context("printed nothing")?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_repeats_the_end_of_the_output() {
        let error = capture(command("sh").args(["-c", "echo one; echo two >&2; exit 3"])).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("exit status: 3") && text.contains("one\ntwo"), "{text}");
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = capture(&mut command("no-such-program-at-all")).unwrap_err();
        assert!(error.to_string().contains("`no-such-program-at-all` was not found"));
    }

    #[test]
    fn only_the_outer_packages_variables_go() {
        assert!(belongs_to_outer_cargo("CARGO_PKG_NAME"));
        assert!(belongs_to_outer_cargo("CARGO_MANIFEST_DIR"));
        assert!(!belongs_to_outer_cargo("CARGO_HOME"));
        assert!(!belongs_to_outer_cargo("CARGO_TARGET_DIR"));
        assert!(!belongs_to_outer_cargo("RUSTUP_TOOLCHAIN"));
    }
}
