//! What each crate would publish is there, and says what a registry wants to know.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

const CRATES: [&str; 5] =
    ["stripeflare", "stripeflare-core", "stripeflare-macros", "stripeflare-schema", "cargo-stripeflare"];

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("the repository is there")
}

/// The files that would be in the package.
fn packed(name: &str) -> Result<BTreeSet<PathBuf>> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["package", "--list", "--allow-dirty", "--offline", "--package", name]).current_dir(repository());
    let output = cargo.output()?;
    ensure!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?.lines().map(PathBuf::from).collect())
}

/// `a/b/../c` is `a/c`.
fn normal(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut normal, component| {
        if component == Component::ParentDir {
            normal.pop();
        } else {
            normal.push(component);
        }
        normal
    })
}

/// Files that a source needs to compile, its tests aside.
fn included(source: &str) -> impl Iterator<Item = &str> {
    let code = source.split("#[cfg(test)]").next().unwrap_or(source);
    let calls = ["include_str!(\"", "include_bytes!(\""];
    calls.into_iter().flat_map(|call| code.split(call).skip(1)).filter_map(|rest| rest.split('"').next())
}

#[test]
fn each_crate_packs_all_that_it_includes() -> Result<()> {
    let mut seen = 0;
    for name in CRATES {
        let files = packed(name)?;
        let dir = repository().join(name);
        for needed in ["Cargo.toml", "README.md", "src/lib.rs"] {
            assert!(files.contains(Path::new(needed)), "{name} has no {needed}");
        }
        for file in files.iter().filter(|file| file.starts_with("src") && file.extension().is_some_and(|it| it == "rs"))
        {
            let source = fs::read_to_string(dir.join(file))?;
            for path in included(&source) {
                let path = normal(&file.parent().context("a file is in a folder")?.join(path));
                assert!(
                    files.contains(&path),
                    "{name}: {} includes {}, which is not packed",
                    file.display(),
                    path.display()
                );
                seen += 1;
            }
        }
        let templates = fs::read_dir(dir.join("templates")).into_iter().flatten();
        for template in templates {
            let path = Path::new("templates").join(template?.file_name());
            assert!(files.contains(&path), "{name}: {} is not packed", path.display());
        }
        let private =
            files.iter().find(|file| file.to_string_lossy().contains(".dev.vars") || file.starts_with("build"));
        assert_eq!(private, None, "{name} packs what is nobody's business");
    }
    assert!(seen > 15, "the guides, the template and the lock are seen: {seen}");
    Ok(())
}

#[test]
fn each_manifest_says_what_a_registry_wants_to_know() -> Result<()> {
    for name in CRATES {
        let text = fs::read_to_string(repository().join(name).join("Cargo.toml"))?;
        let manifest: toml::Table = text.parse()?;
        let package = manifest["package"].as_table().context("a package")?;
        for field in ["categories", "description", "edition", "keywords", "license", "rust-version", "version"] {
            assert!(package.contains_key(field), "{name} has no {field}");
        }
    }
    Ok(())
}

#[test]
fn the_minimum_rust_is_the_compiler_that_all_is_tested_with() -> Result<()> {
    let read = |file: &str| -> Result<toml::Table> { Ok(fs::read_to_string(repository().join(file))?.parse()?) };
    let (workspace, toolchain) = (read("Cargo.toml")?, read("rust-toolchain.toml")?);
    let minimum = workspace["workspace"]["package"]["rust-version"].as_str().context("a minimum")?;
    assert_eq!(toolchain["toolchain"]["channel"].as_str(), Some(&*format!("{minimum}.0")));
    Ok(())
}

/// So that what people copy is what is tested.
#[test]
fn the_tutorial_ends_with_its_example() -> Result<()> {
    let example = fs::read_to_string(repository().join("examples/shortener/src/lib.rs"))?;
    let tutorial = fs::read_to_string(repository().join("docs/tutorial.md"))?;
    assert!(
        tutorial.contains(&format!("```rust\n{example}```\n")),
        "docs/tutorial.md shows another examples/shortener"
    );
    Ok(())
}
