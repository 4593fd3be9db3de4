//! `cargo stripeflare dev`: a worker and a local stand-in for Stripe, with nothing to set up.

mod stripe;
mod welcome;
mod wrangler;

use std::env;
use std::fs;
use std::io::{self, ErrorKind, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::signal::unix::{SignalKind, signal};

use crate::config::Config;
use crate::project::Project;
use crate::provision::{self, NpmTools, Panic};
use welcome::welcome;
use wrangler::Wrangler;

/// Between two looks whether the worker answers yet.
const ANSWER_PAUSE: Duration = Duration::from_millis(200);

/// What to run and where.
#[derive(Debug, Clone)]
pub struct Options {
    /// A worker's folder.
    pub dir: Option<PathBuf>,
    /// One of the workspace's examples, where no folder is named.
    pub example: Option<String>,
    /// The worker's port.
    pub port: u16,
    /// The stand-in's port, if it is to be another than in `.dev.vars`.
    pub stripe_port: Option<u16>,
    /// Begin with an empty database.
    pub fresh: bool,
}

/// Runs until Ctrl-C.
///
/// # Errors
/// What is missing, taken or broken, and what to do about it.
pub fn run(options: &Options) -> Result<()> {
    let dir = worker_dir(options)?;
    let config = Config::of(&dir)?;
    if let Some(pages) = config.missing_pages(&dir) {
        bail!("{} names the folder {pages} for pages, and there is none: mkdir {pages}", config.file);
    }
    let project = Project::find(&dir)?;
    check_port(options.port, "--port")?;
    if options.fresh {
        forget(&project.dir)?;
    }
    let tools = provision::for_build(&project, Panic::Unwind)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve(options, &project.dir, &config, &tools))
}

async fn serve(options: &Options, dir: &Path, config: &Config, tools: &NpmTools) -> Result<()> {
    let mut stop = Stop::listen()?;
    let stand_in = stripe::start(options, dir, config).await?;
    let mut wrangler = Wrangler::start(options.port, dir, tools)?;
    let url = format!("http://localhost:{}", options.port);
    tokio::select! {
        () = stop.wait() => return wrangler.stop().await,
        status = wrangler.child.wait() => bail!("wrangler ended before the worker answered: {}", status?),
        () = wait_for_answer(options.port) => {}
    }
    let _ = io::stdout().write_all(welcome(&url, dir, stand_in.as_ref()).as_bytes());
    tokio::select! {
        () = stop.wait() => wrangler.stop().await,
        status = wrangler.child.wait() => bail!("wrangler ended: {}", status?),
    }
}

/// Where wrangler keeps what the worker stored, between runs too.
const STATE: &str = ".wrangler/state";

fn forget(dir: &Path) -> Result<()> {
    let state = dir.join(STATE);
    match fs::remove_dir_all(&state) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot empty {}", state.display()))
        }
        _ => Ok(()),
    }
}

/// `--dir`, `--example`, the current folder if it is a worker's, or the quickstart.
fn worker_dir(options: &Options) -> Result<PathBuf> {
    if let Some(dir) = &options.dir {
        return Ok(dir.clone());
    }
    let here = env::current_dir()?;
    if options.example.is_none() && is_package(&here) {
        return Ok(here);
    }
    let name = options.example.as_deref().unwrap_or("quickstart");
    let examples = here.ancestors().map(|dir| dir.join("examples")).find(|examples| examples.is_dir());
    let dir = examples.map(|examples| examples.join(name)).filter(|dir| is_package(dir));
    dir.with_context(|| {
        format!("there is no worker here and no example `{name}` above: run this in a worker's folder, or use --dir")
    })
}

/// Of a worker, then, that may lack anything else.
fn is_package(dir: &Path) -> bool {
    let manifest = fs::read_to_string(dir.join("Cargo.toml")).ok();
    let manifest = manifest.and_then(|text| toml::from_str::<toml::Table>(&text).ok());
    manifest.is_some_and(|manifest| manifest.contains_key("package"))
}

/// wrangler itself would take another port without a word.
fn check_port(port: u16, flag: &str) -> Result<()> {
    match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
        Ok(_) => Ok(()),
        Err(error) => bail!("port {port} cannot be used ({error}); choose another one with {flag}"),
    }
}

/// What ends us.
struct Stop {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    hangup: tokio::signal::unix::Signal,
}

impl Stop {
    fn listen() -> Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn wait(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hangup.recv() => {}
        }
    }
}

/// However long it takes: the first build is slow, and a broken one waits for the user.
async fn wait_for_answer(port: u16) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap_or_default();
    let url = format!("http://127.0.0.1:{port}/");
    while client.get(&url).send().await.is_err() {
        tokio::time::sleep(ANSWER_PAUSE).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_named_with_its_flag() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        let error = check_port(port, "--stripe-port").unwrap_err().to_string();
        assert!(error.contains(&port.to_string()) && error.contains("--stripe-port"), "{error}");
    }

    #[test]
    fn a_fresh_start_forgets_what_was_stored() {
        let dir = tempfile::tempdir().unwrap();
        forget(dir.path()).unwrap();
        fs::create_dir_all(dir.path().join(".wrangler/state/v3")).unwrap();
        fs::create_dir_all(dir.path().join(".wrangler/tmp")).unwrap();
        forget(dir.path()).unwrap();
        assert!(!dir.path().join(".wrangler/state").exists() && dir.path().join(".wrangler/tmp").exists());
    }
}
