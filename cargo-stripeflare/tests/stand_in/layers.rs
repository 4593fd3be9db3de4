//! The stand-in's layers: a file uses those below it, and no two files need each other.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// From below to above.
const LAYERS: [&[&str]; 6] = [&["clock", "wire"], &["model"], &["resources"], &["options"], &["server"], &["stand_in"]];

/// `a::b` for `a/b.rs`, and what it uses.
type Imports = BTreeMap<String, BTreeSet<String>>;

fn files(dir: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files(&path, into) } else { into.push(path) }
    }
}

/// The paths that a `use` names: one, or several in braces.
fn paths(used: &str) -> Vec<String> {
    match used.split_once("::{") {
        None => vec![used.to_owned()],
        Some((start, group)) => {
            group.trim_end_matches('}').split(',').map(|end| format!("{start}::{}", end.trim())).collect()
        }
    }
}

fn imports() -> Imports {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/stripe");
    let mut found = Vec::new();
    files(&root, &mut found);
    let name = |path: &PathBuf| {
        let path = path.strip_prefix(&root).unwrap().with_extension("");
        let path = path.to_str().unwrap().replace('/', "::");
        path.strip_suffix("mod").unwrap_or(&path).trim_end_matches(':').to_owned()
    };
    let names: BTreeSet<String> = found.iter().map(name).collect();
    let mut imports = Imports::new();
    for path in &found {
        let (name, text) = (name(path), fs::read_to_string(path).unwrap());
        let above = if path.ends_with("mod.rs") {
            name.clone()
        } else {
            name.rsplit_once("::").unwrap_or_default().0.to_owned()
        };
        let statements = text.split("use ").skip(1).filter_map(|rest| rest.split(';').next());
        let uses = imports.entry(name.clone()).or_default();
        for used in statements.flat_map(paths) {
            let used = match (used.strip_prefix("crate::stripe::"), used.strip_prefix("super::")) {
                (Some(used), _) => used.to_owned(),
                (None, Some(used)) => format!("{above}::{used}").trim_start_matches(':').to_owned(),
                (None, None) => continue,
            };
            // The longest part of it that is a file.
            let file = used.rmatch_indices("::").map(|(at, _)| &used[..at]).find(|part| names.contains(*part));
            let file = if names.contains(&used) { Some(used.as_str()) } else { file };
            uses.extend(file.filter(|file| *file != name).map(str::to_owned));
        }
    }
    imports
}

fn layer(file: &str) -> usize {
    let folder = file.split("::").next().unwrap();
    LAYERS.iter().position(|layer| layer.contains(&folder)).unwrap_or(LAYERS.len())
}

#[test]
fn a_file_uses_its_own_layer_and_those_below() {
    let imports = imports();
    assert!(imports["server::api"].contains("model::state") && imports["server::api"].contains("server::shared"));
    for (file, uses) in &imports {
        for used in uses.iter().filter(|_| !file.is_empty()) {
            assert!(layer(used) <= layer(file), "{file} uses {used}, which is above it");
        }
    }
}

#[test]
fn no_two_files_need_each_other() {
    let mut left = imports();
    // A folder's `mod.rs` names its children, which is no need.
    left.retain(|file, _| !file.is_empty());
    loop {
        let free: BTreeSet<String> = left
            .iter()
            .filter(|(_, uses)| uses.iter().all(|used| !left.contains_key(used)))
            .map(|(file, _)| file.clone())
            .collect();
        if free.is_empty() {
            break;
        }
        left.retain(|file, _| !free.contains(file));
    }
    assert!(left.is_empty(), "a circle: {left:?}");
}
