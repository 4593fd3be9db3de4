//! `cargo stripeflare build`: leaves `build/index.js` and `build/index_bg.wasm` in a worker's folder.

use std::cmp::Ordering;
use std::env;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result};
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

use crate::pack::{self, Packing};
use crate::process;
use crate::progress::{self, seconds};
use crate::project::Project;
use crate::provision::{self, NIGHTLY, Panic};

const TARGET: &str = "wasm32-unknown-unknown";

/// What to build and how.
#[derive(Debug, Clone)]
pub struct Options {
    /// The worker's folder.
    pub dir: PathBuf,
    /// Optimized, as it is deployed; or quick to build, large and slow.
    pub release: bool,
    /// What a panic does.
    pub panic: Panic,
    /// Let wasm-opt make it smaller, which takes half a minute.
    pub wasm_opt: bool,
    /// Show the compiler's output only when it fails.
    pub quiet: bool,
}

impl Options {
    /// The build that is deployed.
    pub fn release(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into(), release: true, panic: Panic::Unwind, wasm_opt: true, quiet: false }
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

/// Sets up the tools and builds, or finds that nothing has changed since the last time.
///
/// # Errors
/// If a tool is missing and cannot be installed, or the worker does not compile.
pub fn build(options: &Options) -> Result<Artifacts> {
    let project = Project::find(&options.dir)?;
    pack::check_version(&project)?;
    let tools = provision::for_build(&project, options.panic)?;
    let out_dir = project.dir.join("build");
    fs::create_dir_all(&out_dir).with_context(|| format!("cannot create {}", out_dir.display()))?;
    let lock = lock_file(&out_dir)?;
    lock.lock().context("cannot lock the build folder")?;

    let started = Instant::now();
    options.run(&mut cargo_build(&project, options))?;
    let wasm = compiled(&project, options)?;
    progress::note(&format!("compiled in {}", seconds(started.elapsed())));
    let packing =
        Packing { tools: &tools, panic: options.panic, wasm_opt: options.wasm_opt, under_wrangler_dev: is_for_dev() };
    let before = Artifacts::in_dir(&out_dir).ok();
    let stamp = Stamp { path: out_dir.join(".stamp"), value: stamp(&packing, &wasm) };
    let artifacts = match &before {
        Some(artifacts) if stamp.holds() => artifacts.clone(),
        _ => {
            stamp.remove();
            packing.pack(wasm, &out_dir)?;
            stamp.write()?;
            Artifacts::in_dir(&out_dir)?
        }
    };
    progress::note(&format!(
        "built {} in {}: {}",
        out_dir.display(),
        seconds(started.elapsed()),
        artifacts.sizes(before.as_ref()),
    ));
    if options.panic == Panic::Abort {
        progress::note(
            "a panic in this build ends the other requests of its isolate, too: leave --abort out to avoid that",
        );
    }
    Ok(artifacts)
}

/// Whether `wrangler dev` runs this as its build command: then somebody waits for each edit.
pub(crate) fn is_for_dev() -> bool {
    env::var_os("WRANGLER_COMMAND").is_some_and(|command| command == "dev")
}

/// Compiles the worker and packs nothing: what cargo leaves, before the tools that shrink it.
///
/// # Errors
/// If the toolchain is missing and cannot be installed, or the worker does not compile.
pub(crate) fn compile(options: &Options) -> Result<Vec<u8>> {
    let project = Project::find(&options.dir)?;
    provision::toolchain(&project, options.panic)?;
    options.run(&mut cargo_build(&project, options))?;
    compiled(&project, options)
}

impl Options {
    /// What cargo calls it.
    fn profile(&self) -> &'static str {
        if self.release { "release" } else { "debug" }
    }

    fn run(&self, command: &mut Command) -> Result<()> {
        if self.quiet { process::capture(command).map(drop) } else { process::inherit(command) }
    }
}

/// Where nothing changed, this is all there is to do.
fn cargo_build(project: &Project, options: &Options) -> Command {
    let mut command = process::command("cargo");
    if options.panic == Panic::Unwind {
        let flags = env::var("RUSTFLAGS").unwrap_or_default();
        command.env("RUSTFLAGS", format!("{flags} -Cpanic=unwind").trim_start()).arg(format!("+{NIGHTLY}"));
    }
    // A library that is also an `rlib`, as tests want it, would be linked without link-time optimization.
    command.args(["rustc", "--lib", "--crate-type", "cdylib", "--target", TARGET]);
    if options.release {
        command.arg("--release");
    } else {
        // No worker can print the lines it panicked at, and it is packed sooner without them.
        command.args(["--config", "profile.dev.debug=false"]);
    }
    if options.panic == Panic::Unwind {
        // Panics that unwind want a std that does; it is built small while at it.
        command.args(["-Z", "build-std=std,panic_unwind"]);
        command.args(["-Z", "build-std-features=panic-unwind,optimize_for_size"]);
    }
    // Its macro then needs no other crate for futures.
    command.env("WASM_BINDGEN_USE_JS_SYS", "1").env("CARGO_TARGET_DIR", &project.target_dir);
    command.current_dir(&project.dir);
    command
}

/// Says what the files in a `build` folder were made from.
struct Stamp {
    path: PathBuf,
    value: String,
}

impl Stamp {
    fn holds(&self) -> bool {
        fs::read_to_string(&self.path).is_ok_and(|value| value == self.value)
    }

    fn remove(&self) {
        let _ = fs::remove_file(&self.path);
    }

    fn write(&self) -> Result<()> {
        fs::write(&self.path, &self.value).with_context(|| format!("cannot write {}", self.path.display()))
    }
}

/// The compiled worker, the tools that pack it and how.
fn stamp(packing: &Packing<'_>, wasm: &[u8]) -> String {
    let mut hash = Sha256::new();
    hash.update(format!("{} {packing:?} ", pack::fingerprint()));
    hash.update(wasm);
    hex::encode(hash.finalize())
}

fn compiled(project: &Project, options: &Options) -> Result<Vec<u8>> {
    let wasm = project.target_dir.join(TARGET).join(options.profile()).join(format!("{}.wasm", project.library));
    fs::read(&wasm).with_context(|| format!("cannot read {}", wasm.display()))
}

/// The newest that any build left, if one did.
pub(crate) fn last_compiled(project: &Project) -> Option<Vec<u8>> {
    let compiled = ["release", "debug"]
        .map(|profile| project.target_dir.join(TARGET).join(profile).join(format!("{}.wasm", project.library)));
    let changed = |path: &PathBuf| fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
    fs::read(compiled.iter().max_by_key(|path| changed(path))?).ok()
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

impl Artifacts {
    /// `812 KiB, 301 KiB gzipped (2.1 KiB more than before)`
    fn sizes(&self, before: Option<&Self>) -> String {
        let change = before.map_or_else(String::new, |before| {
            let (now, before) = (self.gzip_bytes, before.gzip_bytes);
            match now.cmp(&before) {
                Ordering::Less => format!(" ({} less than before)", kib(before - now)),
                Ordering::Equal => " (as before)".to_owned(),
                Ordering::Greater => format!(" ({} more than before)", kib(now - before)),
            }
        });
        format!("{}, {} gzipped{change}", kib(self.raw_bytes), kib(self.gzip_bytes))
    }
}

fn gzip_size(content: &[u8]) -> Result<u64> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content)?;
    Ok(encoder.finish()?.len() as u64)
}

fn kib(bytes: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "for people")]
    let kib = bytes as f64 / 1024.0;
    format!("{kib:.1} KiB")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_holds_for_its_value_alone() {
        let dir = tempfile::tempdir().unwrap();
        let stamp = |value: &str| Stamp { path: dir.path().join(".stamp"), value: value.to_owned() };
        assert!(!stamp("one").holds());
        stamp("one").write().unwrap();
        assert!(stamp("one").holds() && !stamp("two").holds());
        stamp("two").remove();
        assert!(!stamp("one").holds());
    }

    #[test]
    fn the_change_in_size_is_told() {
        let of = |gzip_bytes| Artifacts {
            dir: PathBuf::new(),
            js: PathBuf::new(),
            wasm: PathBuf::new(),
            raw_bytes: 4096,
            gzip_bytes,
        };
        assert_eq!(of(1024).sizes(None), "4.0 KiB, 1.0 KiB gzipped");
        assert_eq!(of(1024).sizes(Some(&of(1024))), "4.0 KiB, 1.0 KiB gzipped (as before)");
        assert_eq!(of(1024).sizes(Some(&of(1536))), "4.0 KiB, 1.0 KiB gzipped (0.5 KiB less than before)");
        assert_eq!(of(1536).sizes(Some(&of(1024))), "4.0 KiB, 1.5 KiB gzipped (0.5 KiB more than before)");
    }

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
