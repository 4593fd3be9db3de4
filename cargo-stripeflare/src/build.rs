//! `cargo stripeflare build`: leaves `build/index.js` and `build/index_bg.wasm` in a worker's folder.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::process;
use crate::progress::{self, seconds};
use crate::project::Project;
use crate::provision::{self, BuildTools, Panic};

/// What to build and how.
#[derive(Debug, Clone)]
pub struct Options {
    /// The worker's folder.
    pub dir: PathBuf,
    /// Optimized, as it is deployed; or quick to build, large and slow.
    pub release: bool,
    /// What a panic does.
    pub panic: Panic,
    /// Show the compiler's output only when it fails.
    pub quiet: bool,
}

impl Options {
    /// The build that is deployed.
    pub fn release(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into(), release: true, panic: Panic::Unwind, quiet: false }
    }
}

/// What a build left behind.
#[derive(Debug, Clone)]
pub struct Artifacts {
    /// The folder with both files, `build` in the worker's folder.
    pub dir: PathBuf,
    /// The entry module.
    pub js: PathBuf,
    /// The worker itself.
    pub wasm: PathBuf,
    /// Size of both files together.
    pub raw_bytes: u64,
    /// Size of both files together when compressed one by one, which is what Cloudflare limits.
    pub gzip_bytes: u64,
}

/// Sets up the tools and builds.
///
/// # Errors
/// If a tool is missing and cannot be installed, or the worker does not compile.
pub fn build(options: &Options) -> Result<Artifacts> {
    let project = Project::find(&options.dir)?;
    let tools = provision::for_build(&project, options.panic)?;
    let out_dir = project.dir.join("build");
    fs::create_dir_all(&out_dir).with_context(|| format!("cannot create {}", out_dir.display()))?;
    let lock = lock_file(&out_dir)?;
    lock.lock().context("cannot lock the build folder")?;

    let started = Instant::now();
    // What a killed build left; worker-build would wait for it.
    let _ = fs::remove_dir_all(out_dir.join(".tmp"));
    let mut command = worker_build(&project, &tools, options);
    if options.quiet {
        process::capture(&mut command)?;
    } else {
        process::inherit(&mut command)?;
    }
    let artifacts = Artifacts::in_dir(&out_dir)?;
    progress::note(&format!(
        "built {} in {}: {}, {} gzipped",
        out_dir.display(),
        seconds(started.elapsed()),
        kib(artifacts.raw_bytes),
        kib(artifacts.gzip_bytes),
    ));
    Ok(artifacts)
}

fn worker_build(project: &Project, tools: &BuildTools, options: &Options) -> std::process::Command {
    let mut command = process::command(&tools.cargo.worker_build);
    command.arg(if options.release { "--release" } else { "--dev" });
    if options.panic == Panic::Unwind {
        command.arg("--panic-unwind");
    }
    // With these set, worker-build downloads nothing.
    command.env("WASM_BINDGEN_BIN", &tools.cargo.wasm_bindgen);
    command.env("ESBUILD_BIN", &tools.npm.esbuild);
    command.env("WASM_OPT_BIN", &tools.npm.wasm_opt);
    command.env("CARGO_TARGET_DIR", &project.target_dir);
    command.current_dir(&project.dir);
    command
}

/// Held alone while a build replaces the files, and shared by those who read them.
pub(crate) fn lock_file(build_dir: &Path) -> Result<File> {
    let path = build_dir.join(".lock");
    File::create(&path).with_context(|| format!("cannot open {}", path.display()))
}

impl Artifacts {
    /// Looks at what an earlier build left in its `build` folder.
    ///
    /// # Errors
    /// If one of the files is not there.
    pub fn in_dir(dir: &Path) -> Result<Self> {
        let (js, wasm) = (dir.join("index.js"), dir.join("index_bg.wasm"));
        let (mut raw_bytes, mut gzip_bytes) = (0, 0);
        for path in [&js, &wasm] {
            let content = fs::read(path)
                .with_context(|| format!("no {}: run `cargo stripeflare build` there first", path.display()))?;
            raw_bytes += content.len() as u64;
            gzip_bytes += gzip_size(&content)?;
        }
        Ok(Self { dir: dir.to_owned(), js, wasm, raw_bytes, gzip_bytes })
    }
}

fn gzip_size(content: &[u8]) -> Result<u64> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content)?;
    Ok(encoder.finish()?.len() as u64)
}

fn kib(bytes: u64) -> String {
    format!("{} KiB", bytes.div_ceil(1024))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_of_both_files() {
        let dir = tempfile::tempdir().unwrap();
        assert!(Artifacts::in_dir(dir.path()).unwrap_err().to_string().contains("cargo stripeflare build"));
        fs::write(dir.path().join("index.js"), "a".repeat(1000)).unwrap();
        fs::write(dir.path().join("index_bg.wasm"), "b".repeat(3000)).unwrap();
        let artifacts = Artifacts::in_dir(dir.path()).unwrap();
        assert_eq!(artifacts.raw_bytes, 4000);
        assert!(artifacts.gzip_bytes < 200);
    }
}
