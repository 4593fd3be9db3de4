//! `cargo stripeflare doctor`: looks at everything that a deployed worker needs, and says what mends what is wrong.

mod config;
pub(crate) mod secrets;

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::config::Config;
use crate::dev_vars::DevVars;
use crate::finding::Finding;
use crate::pack;
use crate::process;
use crate::project::Project;
use crate::provision;
use crate::schema::Found;
use crate::seller;

/// Where to look.
#[derive(Debug, Clone)]
pub struct Options {
    /// The worker's folder.
    pub dir: PathBuf,
    /// At what live payments need, instead of Stripe's test mode.
    pub live: bool,
    /// Another Stripe, on this machine.
    pub stripe_api: Option<String>,
}

/// Prints what is wrong.
///
/// # Errors
/// If anything is.
pub fn run(options: &Options) -> Result<()> {
    let findings = examine(options)?;
    if findings.is_empty() {
        println!("Nothing to mend.");
        return Ok(());
    }
    for finding in &findings {
        println!("{finding}\n");
    }
    match findings.len() {
        1 => bail!("one thing to mend"),
        count => bail!("{count} things to mend"),
    }
}

/// Everything that is wrong, what the rest depends on first.
///
/// # Errors
/// If Stripe cannot be asked.
pub fn examine(options: &Options) -> Result<Vec<Finding>> {
    let (mut findings, config, vars) = of_folder(&options.dir, options.live)?;
    // What is wrong with the secrets comes first: they are what Stripe is asked with.
    if let (true, Some(vars)) = (findings.is_empty(), vars) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let wanted = seller::Wanted { vars: &vars, domain: config.domain(), currency: &config.currency() };
        findings = runtime.block_on(seller::examine(&wanted, options.live, options.stripe_api.as_deref()))?;
    }
    // Nothing that a deployment would have to wait for.
    findings.extend(of_schema(&options.dir));
    Ok(findings)
}

/// What is wrong in the worker's folder and on this machine, and what else is asked of those files.
pub(crate) fn of_folder(dir: &Path, live: bool) -> Result<(Vec<Finding>, Config, Option<DevVars>)> {
    let mut findings = of_machine();
    match Project::find(dir) {
        Ok(project) => findings.extend(of_lock(&project)),
        Err(error) => {
            findings.push(Finding::new(format!("{error:#}"), "run this in a worker's folder, or name it with --dir"));
        }
    }
    let config = match Config::of(dir) {
        Ok(config) => {
            findings.extend(config::examine(&config, dir));
            config
        }
        Err(error) => {
            findings.push(Finding::new(
                format!("{error:#}"),
                "correct it, or copy one that `cargo stripeflare new` writes",
            ));
            Config::default()
        }
    };
    let path = dir.join(secrets::file(live));
    let vars = DevVars::read_file(path.clone())?;
    match &vars {
        Some(vars) => findings.extend(secrets::examine(vars, live)),
        None => {
            let flag = if live { " --live" } else { "" };
            let mend =
                format!("cargo stripeflare new {} --domain <your domain>{flag}, beside this folder", config.name());
            findings.push(Finding::new(format!("there is no {}", path.display()), mend));
        }
    }
    Ok((findings, config, vars))
}

/// Of a worker that has been built before: else the build makes the lock.
fn of_lock(project: &Project) -> Option<Finding> {
    let error = project.workspace_root.join("Cargo.lock").is_file().then(|| pack::check_version(project).err())??;
    Some(Finding::new(format!("{error:#}"), format!("cargo update wasm-bindgen --precise {}", pack::WASM_BINDGEN)))
}

/// Columns of the last build, against those that are recorded as released.
fn of_schema(dir: &Path) -> Option<Finding> {
    let project = Project::find(dir).ok()?;
    match Found::in_last_build(&project) {
        Ok(Some(found)) if found.is_recorded() => None,
        Ok(None) => None,
        Ok(Some(_)) => Some(Finding::new(
            "the columns have versions that are not recorded: nothing keeps you from changing them once they are released",
            format!("cargo stripeflare schema lock --dir {}, when you release them", dir.display()),
        )),
        Err(error) => Some(Finding::new(
            format!("{error:#}"),
            "git checkout stripeflare.schema.json, or cargo stripeflare schema lock",
        )),
    }
}

fn of_machine() -> Vec<Finding> {
    let node = provision::check_node().err();
    let node =
        node.map(|error| Finding::new(format!("{error:#}"), "install Node.js 20.3 or newer: https://nodejs.org"));
    let programs = [("rustup", "install rustup: https://rustup.rs"), ("git", "install git: https://git-scm.com")];
    let missing =
        programs.iter().filter(|(name, _)| process::capture(process::command(name).arg("--version")).is_err());
    let missing = missing.map(|(name, mend)| Finding::new(format!("`{name}` does not run"), *mend));
    node.into_iter().chain(missing).collect()
}
