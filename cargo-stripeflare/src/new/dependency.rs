//! What a new project depends on `stripeflare` by: a release, a commit of a git repository, or a folder.

use std::env;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// The right side of `stripeflare = …`. As asked for; else as this tool was installed; else the checkout that it was
/// built in.
pub(super) fn dependency(asked: Option<&str>) -> Result<String> {
    if let Some(asked) = asked {
        return if is_url(asked) { Ok(on_git(asked, None)) } else { on_path(Path::new(asked)) };
    }
    let program = env::current_exe().context("cannot tell where this tool is")?;
    if let Some(source) = installed_from(&program) {
        return on(&source);
    }
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).join("../stripeflare");
    if checkout.is_dir() { on_path(&checkout) } else { Ok(on_release()) }
}

fn is_url(text: &str) -> bool {
    text.contains("://") || text.starts_with("git@")
}

/// Where cargo got an installed program from, such as `git+https://example.com/repository#<commit>`.
fn installed_from(program: &Path) -> Option<String> {
    let record = program.parent()?.parent()?.join(".crates.toml");
    let record: toml::Table = toml::from_str(&fs::read_to_string(record).ok()?).ok()?;
    let name = format!("{} {} (", env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
    let sources = record.get("v1")?.as_table()?.keys();
    sources.filter_map(|source| source.strip_prefix(&name)?.strip_suffix(')')).next().map(str::to_owned)
}

fn on(source: &str) -> Result<String> {
    if let Some(git) = source.strip_prefix("git+") {
        let (url, commit) = git.split_once('#').unwrap_or((git, ""));
        // A branch or tag of it: the commit says more.
        let url = url.split('?').next().unwrap_or(url);
        return Ok(on_git(url, Some(commit).filter(|commit| !commit.is_empty())));
    }
    match source.strip_prefix("path+file://") {
        Some(path) => on_path(&Path::new(path).join("../stripeflare")),
        None => Ok(on_release()),
    }
}

fn on_release() -> String {
    toml::Value::from(env!("CARGO_PKG_VERSION")).to_string()
}

fn on_git(url: &str, commit: Option<&str>) -> String {
    let rev = commit.map_or_else(String::new, |commit| format!(", rev = {}", toml::Value::from(commit)));
    format!("{{ git = {}{rev} }}", toml::Value::from(url))
}

fn on_path(path: &Path) -> Result<String> {
    let path = path.canonicalize().with_context(|| format!("no folder {}", path.display()))?;
    let path = path.to_str().with_context(|| format!("{} is no UTF-8", path.display()))?;
    Ok(format!("{{ path = {} }}", toml::Value::from(path)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_depends_on_what_the_tool_was_installed_from() {
        let root = tempfile::tempdir().unwrap();
        let program = root.path().join("bin/cargo-stripeflare");
        assert_eq!(installed_from(&program), None);
        let version = env!("CARGO_PKG_VERSION");
        let record = |source: &str| {
            let text = format!("[v1]\n\"cargo-stripeflare {version} ({source})\" = [\"cargo-stripeflare\"]\n");
            fs::write(root.path().join(".crates.toml"), text).unwrap();
            on(&installed_from(&program).unwrap()).unwrap()
        };
        assert_eq!(record("registry+https://example.com/index"), format!("\"{version}\""));
        let git = record("git+https://example.com/us/it?branch=main#0123abcd");
        assert_eq!(git, "{ git = \"https://example.com/us/it\", rev = \"0123abcd\" }");
        let checkout = Path::new(env!("CARGO_MANIFEST_DIR"));
        let path = record(&format!("path+file://{}", checkout.display()));
        let crate_dir = checkout.parent().unwrap().canonicalize().unwrap().join("stripeflare");
        assert_eq!(path, format!("{{ path = \"{}\" }}", crate_dir.display()));
    }

    #[test]
    fn a_repository_can_be_named() {
        let named = dependency(Some("https://example.com/us/it")).unwrap();
        assert_eq!(named, "{ git = \"https://example.com/us/it\" }");
        assert!(dependency(Some("nowhere")).unwrap_err().to_string().contains("no folder nowhere"));
    }
}
