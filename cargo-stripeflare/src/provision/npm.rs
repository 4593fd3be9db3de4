//! Programs that come inside npm packages: wrangler, workerd, esbuild and wasm-opt.

use std::collections::BTreeMap;
use std::env::consts::{ARCH, OS};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::toolchain::at_least;
use crate::{process, progress};

/// What wrangler 4 asks for.
const NODE: (u32, u32) = (20, 3);

/// A `package.json` in the workspace's root that names all of these is kept installed there, locked as it is; else the set in
/// our own folder is.
const PACKAGES: [&str; 3] = ["binaryen", "esbuild", "wrangler"];

const MANIFEST: &str = include_str!("../../npm/package.json");
const LOCK: &str = include_str!("../../npm/package-lock.json");

/// Where the programs are, past the scripts that npm puts before them.
#[derive(Debug, Clone)]
pub struct NpmTools {
    /// The runtime.
    pub workerd: PathBuf,
    /// Bundles JavaScript.
    pub esbuild: PathBuf,
    /// Shrinks WebAssembly; a script that node runs.
    pub wasm_opt: PathBuf,
    /// wrangler's script, to be run by `node`.
    pub wrangler: PathBuf,
}

#[derive(Deserialize)]
struct Manifest {
    #[serde(default)]
    dependencies: BTreeMap<String, String>,
    #[serde(default, rename = "devDependencies")]
    dev_dependencies: BTreeMap<String, String>,
}

/// `package-lock.json`, and npm's record of what it installed, which looks the same.
#[derive(Deserialize)]
struct Lock {
    packages: BTreeMap<String, Package>,
}

#[derive(Deserialize)]
struct Package {
    version: Option<String>,
    #[serde(default)]
    optional: bool,
}

pub(super) fn provision(workspace: Option<&Path>) -> Result<NpmTools> {
    check_node()?;
    let root = match workspace.filter(|dir| names_all_packages(dir)) {
        Some(root) => root.to_owned(),
        None => own_root()?,
    };
    if !is_installed(&root)? {
        progress::step(&format!("npm ci in {}", root.display()), "for wrangler, workerd, esbuild and wasm-opt", || {
            let mut npm = process::command("npm");
            // The packages' scripts only save a few milliseconds at each start; none needs to run.
            npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(&root);
            process::capture(&mut npm)
        })
        .context("npm could not install them: is the npm registry reachable?")?;
    }
    NpmTools::in_modules(&root.join("node_modules"))
}

pub(crate) fn check_node() -> Result<()> {
    let advice = "wrangler and wasm-opt run on Node.js 20.3 or newer: https://nodejs.org";
    let version = process::first_line(process::command("node").arg("--version")).context(advice)?;
    at_least(&version, NODE, "Node.js").context(advice)
}

fn names_all_packages(dir: &Path) -> bool {
    let manifest = fs::read_to_string(dir.join("package.json")).ok();
    let manifest = manifest.and_then(|text| serde_json::from_str::<Manifest>(&text).ok());
    dir.join("package-lock.json").is_file()
        && manifest.is_some_and(|manifest| {
            let names =
                |name: &str| manifest.dev_dependencies.contains_key(name) || manifest.dependencies.contains_key(name);
            PACKAGES.into_iter().all(names)
        })
}

/// Our own folder with our own lock, for a project that has no `package.json` of its own.
fn own_root() -> Result<PathBuf> {
    let root = super::tools_dir()?.join("npm");
    fs::create_dir_all(&root).with_context(|| format!("cannot create {}", root.display()))?;
    fs::write(root.join("package.json"), MANIFEST)?;
    fs::write(root.join("package-lock.json"), LOCK)?;
    Ok(root)
}

fn is_installed(root: &Path) -> Result<bool> {
    let path = root.join("package-lock.json");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let wanted: Lock = serde_json::from_str(&text).with_context(|| format!("cannot read {}", path.display()))?;
    let installed = fs::read_to_string(root.join("node_modules/.package-lock.json")).ok();
    let installed = installed.and_then(|text| serde_json::from_str::<Lock>(&text).ok());
    Ok(installed.is_some_and(|installed| satisfies(&wanted, &installed)))
}

fn satisfies(wanted: &Lock, installed: &Lock) -> bool {
    wanted.packages.iter().filter(|(path, _)| !path.is_empty()).all(|(path, package)| {
        match installed.packages.get(path) {
            Some(found) => found.version == package.version,
            // Binaries for other platforms are left out.
            None => package.optional,
        }
    })
}

impl NpmTools {
    fn in_modules(modules: &Path) -> Result<Self> {
        let platform = Platform::this()?;
        let tools = Self {
            workerd: modules.join(format!("@cloudflare/workerd-{}/bin/workerd", platform.workerd)),
            esbuild: modules.join(format!("@esbuild/{}/bin/esbuild", platform.esbuild)),
            wasm_opt: modules.join("binaryen/bin/wasm-opt"),
            wrangler: modules.join("wrangler/bin/wrangler.js"),
        };
        for path in [&tools.workerd, &tools.esbuild, &tools.wasm_opt, &tools.wrangler] {
            if !path.is_file() {
                bail!(
                    "{} is missing; remove {} and run this again (optional packages must not be left out)",
                    path.display(),
                    modules.display()
                );
            }
        }
        Ok(tools)
    }
}

/// What the packages call this machine.
struct Platform {
    workerd: &'static str,
    esbuild: &'static str,
}

impl Platform {
    fn this() -> Result<Self> {
        let (workerd, esbuild) = match (OS, ARCH) {
            ("linux", "x86_64") => ("linux-64", "linux-x64"),
            ("linux", "aarch64") => ("linux-arm64", "linux-arm64"),
            ("macos", "x86_64") => ("darwin-64", "darwin-x64"),
            ("macos", "aarch64") => ("darwin-arm64", "darwin-arm64"),
            ("windows", _) => bail!("wasm-opt's script does not start on Windows itself; use WSL"),
            _ => bail!("workerd has no package for {OS} on {ARCH}"),
        };
        Ok(Self { workerd, esbuild })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lock(json: &str) -> Lock {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn an_install_must_have_every_version_of_the_lock() {
        let wanted = lock(
            r#"{"packages": {"": {}, "node_modules/a": {"version": "1.0.0"},
                "node_modules/b-darwin": {"version": "1.0.0", "optional": true}}}"#,
        );
        assert!(satisfies(&wanted, &lock(r#"{"packages": {"node_modules/a": {"version": "1.0.0"}}}"#)));
        assert!(!satisfies(&wanted, &lock(r#"{"packages": {"node_modules/a": {"version": "0.9.0"}}}"#)));
        assert!(!satisfies(&wanted, &lock(r#"{"packages": {}}"#)));
    }

    #[test]
    fn every_package_is_checked_by_its_hash() {
        let lock: serde_json::Value = serde_json::from_str(LOCK).unwrap();
        for (path, package) in lock["packages"].as_object().unwrap().iter().filter(|(path, _)| !path.is_empty()) {
            assert!(package["integrity"].as_str().is_some_and(|hash| hash.starts_with("sha512-")), "{path}");
        }
    }

    #[test]
    fn only_a_workspace_root_with_all_packages_and_a_lock_is_used() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("package.json"), MANIFEST).unwrap();
        assert!(!names_all_packages(dir.path()), "nothing is locked");
        fs::write(dir.path().join("package-lock.json"), LOCK).unwrap();
        assert!(names_all_packages(dir.path()));
        fs::create_dir(dir.path().join("worker")).unwrap();
        assert!(!names_all_packages(&dir.path().join("worker")));
        fs::write(dir.path().join("package.json"), r#"{"dependencies": {"esbuild": "*"}}"#).unwrap();
        assert!(!names_all_packages(dir.path()));
    }

    #[test]
    fn the_packaged_lock_is_the_repositorys() {
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        // Not there when tested from a published package.
        if let Ok(lock) = fs::read_to_string(repository.join("package-lock.json")) {
            assert_eq!(lock, LOCK);
            assert_eq!(fs::read_to_string(repository.join("package.json")).unwrap(), MANIFEST);
        }
    }
}
