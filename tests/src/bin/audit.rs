//! `cargo run -p tests --bin audit -- <folder>`: audits the objects below a folder, and fails on a violation.

use std::process::ExitCode;

use anyhow::{Context, Result};

fn main() -> Result<ExitCode> {
    let folder = std::env::args_os().nth(1).context("usage: audit <folder>")?;
    let audit = tests::audit::audit(folder.as_ref())?;
    print!("{audit}");
    Ok(if audit.violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
