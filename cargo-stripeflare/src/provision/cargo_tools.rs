//! Programs that `cargo install` builds, in the versions that the project's `Cargo.lock` asks for.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::project::Project;
use crate::{process, progress};

/// Where the installed programs are.
#[derive(Debug, Clone)]
pub struct CargoTools {
    /// Runs cargo, wasm-bindgen, wasm-opt and esbuild, and leaves `build/index.js`.
    pub worker_build: PathBuf,
    /// Must have exactly the version of the `wasm-bindgen` crate.
    pub wasm_bindgen: PathBuf,
}

struct Tool {
    package: &'static str,
    program: &'static str,
    flags: &'static [&'static str],
    why: &'static str,
}

const WORKER_BUILD: Tool = Tool {
    package: "worker-build",
    program: "worker-build",
    flags: &["--locked"],
    why: "it packs a Rust crate as a Worker (once, about 3 minutes)",
};

const WASM_BINDGEN: Tool = Tool {
    package: "wasm-bindgen-cli",
    program: "wasm-bindgen",
    // Not --locked: its lock file names a version that has been yanked.
    flags: &["--no-default-features", "--bin", "wasm-bindgen"],
    why: "it writes the JavaScript around WebAssembly (once, about 2 minutes)",
};

pub(super) fn provision(project: &Project) -> Result<CargoTools> {
    let tools = super::tools_dir()?;
    // Both installs share their compiled dependencies; nothing needs them afterwards.
    let scratch = tools.join("target");
    let worker_build = WORKER_BUILD.provision(&tools, &scratch, &project.locked_version("worker")?)?;
    let wasm_bindgen = WASM_BINDGEN.provision(&tools, &scratch, &project.locked_version("wasm-bindgen")?)?;
    if scratch.exists() {
        fs::remove_dir_all(&scratch).with_context(|| format!("cannot remove {}", scratch.display()))?;
    }
    Ok(CargoTools { worker_build, wasm_bindgen })
}

impl Tool {
    fn provision(&self, tools: &Path, scratch: &Path, version: &str) -> Result<PathBuf> {
        let root = tools.join(format!("{}-{version}", self.package));
        let program = root.join("bin").join(format!("{}{}", self.program, std::env::consts::EXE_SUFFIX));
        // cargo moves the program there as its last step: where it is, it is whole.
        if program.is_file() {
            return Ok(program);
        }
        progress::step(&format!("installing {} {version}", self.package), self.why, || {
            let mut cargo = process::command("cargo");
            cargo.args(["install", self.package, "--version", version]).args(self.flags);
            cargo.arg("--root").arg(&root).env("CARGO_TARGET_DIR", scratch);
            process::capture(&mut cargo)
        })
        .context("cargo could not install it: is the crate registry reachable, and is there a C compiler?")?;
        Ok(program)
    }
}
