//! A release that comes after this one: its sources with a few changes, built like any other.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result};
use cargo_stripeflare::build::{self, Options};

/// What it needs of the repository.
const SOURCES: [&str; 11] = [
    "Cargo.lock",
    "Cargo.toml",
    "docs",
    "package-lock.json",
    "package.json",
    "rust-toolchain.toml",
    "stripeflare",
    "stripeflare-core",
    "stripeflare-macros",
    "stripeflare-schema",
    "tests/worker",
];

/// What is a package of that.
const MEMBERS: &str =
    r#""stripeflare", "stripeflare-core", "stripeflare-macros", "stripeflare-schema", "tests/worker""#;

/// In which file, what stands there, and what stands there in the next release.
const CHANGES: [(&str, &str, &str); 5] = [
    // The worker is called otherwise.
    ("tests/worker/Cargo.toml", "name = \"test-worker\"", "name = \"next-release\""),
    // Its messages have another form, and it still has words for those of this release.
    (
        "stripeflare-core/src/protocol/codec.rs",
        "pub const PROTOCOL: Protocol = Protocol { number: 1, before: None };",
        "pub const PROTOCOL: Protocol = Protocol { number: 2, before: Some(&First) };

struct First;

impl Predecessor for First {
    fn number(&self) -> u8 {
        1
    }

    fn message(&self, envelope: &Envelope) -> Option<Vec<u8>> {
        Some(bytes::write_after(vec![1], envelope))
    }

    fn read_message(&self, message: &[u8]) -> Result<Envelope, Unreadable> {
        bytes::read(&message[1..])
    }

    fn answer(&self, _command: &AnyCommand, answer: Vec<u8>) -> Result<Vec<u8>, Unreadable> {
        Ok(answer)
    }

    fn read_answer(&self, _command: &AnyCommand, answer: &[u8]) -> Result<Vec<u8>, Unreadable> {
        Ok(answer.to_vec())
    }
}",
    ),
    (
        "stripeflare-core/src/protocol/codec.rs",
        "bytes::write_after(vec![self.number], envelope)",
        "bytes::write_after(vec![self.number, b'!'], envelope)",
    ),
    ("stripeflare-core/src/protocol/codec.rs", "[number, envelope @ ..] if", "[number, b'!', envelope @ ..] if"),
    // Every object of it has one table more.
    (
        "stripeflare-core/src/tables.rs",
        "            Self::Account => &[ACCOUNT],
            Self::Directory => &[DIRECTORY],
            Self::Aggregate => &[AGGREGATE],",
        "            Self::Account => &[ACCOUNT, NEXT],
            Self::Directory => &[DIRECTORY, NEXT],
            Self::Aggregate => &[AGGREGATE, NEXT],",
    ),
];

const NEXT_TABLES: &str = "\nconst NEXT: &[&str] = &[\"CREATE TABLE next (key TEXT PRIMARY KEY) WITHOUT ROWID\"];\n";

/// Builds the worker of the tests with it, quickly and once per process, and answers its `build` folder.
///
/// # Errors
/// When it does not compile, or the sources are not what they were when the changes were written.
pub fn next_release() -> Result<PathBuf> {
    static BUILT: Mutex<Option<PathBuf>> = Mutex::new(None);
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(dir) = &*built {
        return Ok(dir.clone());
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("the tests lie in the repository")?;
    let program = std::env::current_exe()?;
    let target = program.ancestors().nth(3).context("a test lies in `target/<profile>/deps`")?;
    let copy = target.join("next-release");
    for source in SOURCES {
        copy_changed(root, &copy, Path::new(source))?;
    }
    // What both need is compiled and installed once.
    for (link, place) in [("target", target), ("node_modules", &root.join("node_modules"))] {
        if !copy.join(link).exists() {
            std::os::unix::fs::symlink(place, copy.join(link))?;
        }
    }
    let options =
        Options { quiet: true, release: false, wasm_opt: false, ..Options::release(copy.join("tests/worker")) };
    Ok(built.insert(build::build(&options)?.dir).clone())
}

/// Files that are there as they should be are left alone, so that only what is new is compiled.
fn copy_changed(root: &Path, copy: &Path, path: &Path) -> Result<()> {
    let (from, to) = (root.join(path), copy.join(path));
    if from.is_dir() {
        fs::create_dir_all(&to)?;
        for entry in fs::read_dir(&from)? {
            let name = entry?.file_name();
            if name != "build" && name != "target" {
                copy_changed(root, copy, &path.join(name))?;
            }
        }
        return Ok(());
    }
    let content = changed(path, fs::read(&from)?)?;
    if fs::read(&to).ok().as_ref() != Some(&content) {
        fs::create_dir_all(to.parent().context("a folder")?)?;
        fs::write(&to, content)?;
    }
    Ok(())
}

fn changed(path: &Path, content: Vec<u8>) -> Result<Vec<u8>> {
    if path == Path::new("Cargo.toml") {
        return workspace(&String::from_utf8(content)?).map(String::into_bytes);
    }
    let changes: Vec<_> = CHANGES.iter().filter(|(file, ..)| Path::new(file) == path).collect();
    if changes.is_empty() {
        return Ok(content);
    }
    let mut text = String::from_utf8(content)?;
    for (file, here, there) in changes {
        anyhow::ensure!(text.matches(here).count() == 1, "{file} does not say once: {here}");
        text = text.replace(here, there);
    }
    if path.ends_with("tables.rs") {
        text.push_str(NEXT_TABLES);
    }
    Ok(text.into_bytes())
}

/// The workspace of that: of another version, or cargo takes what it compiled for one of the two for the other.
fn workspace(manifest: &str) -> Result<String> {
    let this = concat!(env!("CARGO_PKG_VERSION"), "\"");
    let (before, rest) = manifest.split_once("members = [").context("a workspace")?;
    let (_, after) = rest.split_once(']').context("its members")?;
    anyhow::ensure!(after.contains(this), "Cargo.toml says no version {this}");
    Ok(format!("{before}members = [{MEMBERS}]{after}").replace(this, "99.0.0\""))
}
