//! `cargo stripeflare dev`: a worker and a local stand-in for Stripe, with nothing to set up.

use std::env;
use std::fs;
use std::io::{self, ErrorKind, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde::Deserialize;
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::timeout;

use crate::dev_vars::DevVars;
use crate::guard::Guard;
use crate::process;
use crate::progress::note;
use crate::project::Project;
use crate::provision::{self, NpmTools, Panic};
use crate::stripe::{StandIn, StandInOptions, random};

/// Where the payment page sends the payer, on the worker's own address.
const AFTER_PAYMENT: &str = "/stripe/return?session_id={CHECKOUT_SESSION_ID}";

/// The stand-in's port where nobody named one.
const STRIPE_PORT: u16 = 8788;

/// How long a bank debit of the stand-in takes.
const SETTLE_AFTER: Duration = Duration::from_secs(10);

/// How long wrangler gets to end by itself.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

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
    let project = Project::find(&dir)?;
    check_port(options.port, "--port")?;
    if options.fresh {
        forget(&project.dir)?;
    }
    let tools = provision::for_build(&project, Panic::Unwind)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve(options, &project.dir, &tools))
}

async fn serve(options: &Options, dir: &Path, tools: &NpmTools) -> Result<()> {
    let mut stop = Stop::listen()?;
    let stand_in = start_stripe(options, dir).await?;
    let mut wrangler = Wrangler::start(options, dir, tools)?;
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
    if options.example.is_none() && is_worker(&here) {
        return Ok(here);
    }
    let name = options.example.as_deref().unwrap_or("quickstart");
    let examples = here.ancestors().map(|dir| dir.join("examples")).find(|examples| examples.is_dir());
    let dir = examples.map(|examples| examples.join(name)).filter(|dir| is_worker(dir));
    dir.with_context(|| {
        format!("there is no worker here and no example `{name}` above: run this in a worker's folder, or use --dir")
    })
}

#[derive(Deserialize)]
struct WranglerConfig {
    main: Option<String>,
    vars: Option<toml::Table>,
}

#[derive(Deserialize)]
struct Manifest {
    package: Option<toml::Table>,
}

fn read<T: for<'de> Deserialize<'de>>(path: &Path) -> Option<T> {
    toml::from_str(&fs::read_to_string(path).ok()?).ok()
}

/// What the worker will take payments in: `.dev.vars` goes before `wrangler.toml`.
fn currency(dir: &Path, vars: &DevVars) -> String {
    let config: Option<WranglerConfig> = read(&dir.join("wrangler.toml"));
    let table = config.and_then(|config| config.vars);
    let configured = table.as_ref().and_then(|table| table.get("STRIPE_CURRENCY")?.as_str());
    vars.get("STRIPE_CURRENCY").or(configured).unwrap_or("usd").trim().to_ascii_lowercase()
}

fn is_worker(dir: &Path) -> bool {
    let config: Option<WranglerConfig> = read(&dir.join("wrangler.toml"));
    let manifest: Option<Manifest> = read(&dir.join("Cargo.toml"));
    config.is_some_and(|config| config.main.is_some()) && manifest.is_some_and(|manifest| manifest.package.is_some())
}

/// wrangler itself would take another port without a word.
fn check_port(port: u16, flag: &str) -> Result<()> {
    match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
        Ok(_) => Ok(()),
        Err(error) => bail!("port {port} cannot be used ({error}); choose another one with {flag}"),
    }
}

/// What a worker that talks to Stripe itself has from there.
const OF_STRIPE: [&str; 4] =
    ["STRIPE_PUBLISHABLE_KEY", "STRIPE_WEBHOOK_SIGNING_SECRET", "STRIPE_PAYMENT_LINK", "STRIPE_PAYMENT_LINK_ID"];

/// Starts the stand-in, unless `.dev.vars` has a real Stripe account's key. Other secrets in there stay as they are.
async fn start_stripe(options: &Options, dir: &Path) -> Result<Option<StandIn>> {
    let found = DevVars::read(dir)?;
    let fresh = found.is_none();
    let mut vars = found.unwrap_or_else(|| DevVars::empty(dir));
    if vars.get("STRIPE_API_BASE").is_none() {
        if vars.get("STRIPE_SECRET").is_some() {
            return Ok(None);
        }
        if let Some(name) = OF_STRIPE.iter().find(|name| vars.get(name).is_some()) {
            bail!(
                "{} has {name} and no STRIPE_SECRET: add your test key to talk to Stripe, or remove {name} to use the \
                 local stand-in",
                vars.path().display()
            );
        }
        add_own_vars(&mut vars, dir);
    }
    let named = vars.get("STRIPE_API_BASE").and_then(port_of);
    let port = options.stripe_port.or(named).unwrap_or(STRIPE_PORT);
    if port == options.port {
        bail!(
            "the worker and the stand-in for Stripe cannot share port {port}: choose another --port or --stripe-port"
        );
    }
    check_port(port, "--stripe-port")?;
    let secret_key = vars.get("STRIPE_SECRET").map_or_else(|| format!("sk_test_{}", random(32)), str::to_owned);
    if !secret_key.starts_with("sk_test_") {
        bail!(
            "{} sends the worker to a local stand-in (STRIPE_API_BASE) with a key that is no sk_test_ key: remove \
             STRIPE_API_BASE to talk to Stripe, or the key to let a new one be made",
            vars.path().display()
        );
    }
    let webhook_secret = vars.get("STRIPE_WEBHOOK_SIGNING_SECRET").and_then(|secrets| secrets.split(',').next());
    let webhook_secret =
        webhook_secret.map_or_else(|| format!("whsec_{}", random(32)), |secret| secret.trim().to_owned());
    let stand_in = StandIn::start(StandInOptions {
        port: Some(port),
        secret_key,
        webhook_secret,
        webhook_url: Some(format!("http://127.0.0.1:{}/stripe-webhook", options.port)),
        currency: currency(dir, &vars),
        after_payment: Some(format!("http://localhost:{}{AFTER_PAYMENT}", options.port)),
        settle_after: Some(SETTLE_AFTER),
        ..StandInOptions::default()
    })
    .await?;
    // Also in a file that is already there: the port may be another one today.
    if vars.set(&stand_in.vars()) || fresh {
        vars.save()?;
        let what = match (fresh, named) {
            (true, _) => "wrote fresh secrets to",
            (false, None) => "added a local stand-in for Stripe to",
            (false, Some(_)) => "updated the stand-in's address in",
        };
        note(&format!("{what} {}", vars.path().display()));
    }
    Ok(Some(stand_in))
}

/// What a worker needs besides, where the user has not set it.
fn add_own_vars(vars: &mut DevVars, dir: &Path) {
    vars.comment("Made by `cargo stripeflare dev` for this machine; never commit it.");
    vars.comment("To talk to Stripe itself, put your own test keys here and remove STRIPE_API_BASE.");
    let mut own = vec![("DB_SECRET", random(48)), ("SKIP_LOGIN", "true".to_owned()), ("LOGIN_WAIT", "0".to_owned())];
    if has_demo(dir) {
        own.push(("STRIPE_RETURN_TO", "/demo".to_owned()));
    }
    own.retain(|(name, _)| vars.get(name).is_none());
    vars.set(&own.into_iter().map(|(name, value)| (name.to_owned(), value)).collect());
}

fn has_demo(dir: &Path) -> bool {
    dir.join("public/demo.html").is_file()
}

/// The port of a loopback address.
fn port_of(url: &str) -> Option<u16> {
    let host = url.strip_prefix("http://")?.trim_end_matches('/');
    let (_, port) = host.rsplit_once(':')?;
    port.parse().ok()
}

struct Wrangler {
    // Dropped first: it must not outlive what it watches.
    guard: Guard,
    child: Child,
    group: Pid,
}

impl Wrangler {
    fn start(options: &Options, dir: &Path, tools: &NpmTools) -> Result<Self> {
        let inspector = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let mut command = Command::from(process::command("node"));
        command.arg(&tools.wrangler).args(["dev", "--ip", "127.0.0.1", "--show-interactive-dev-session=false"]);
        command.arg(format!("--port={}", options.port)).arg(format!("--inspector-port={inspector}"));
        command.env("WRANGLER_SEND_METRICS", "false").env("CLOUDFLARE_CF_FETCH_ENABLED", "false");
        command.current_dir(dir).stdin(Stdio::null()).kill_on_drop(true);
        // A group of its own, so that its children can be ended with it.
        command.process_group(0);
        let child = command.spawn().context("cannot start wrangler")?;
        let pid = child.id().context("wrangler ended at once")?;
        Ok(Self { guard: Guard::over_group(pid)?, child, group: Pid::from_raw(i32::try_from(pid)?) })
    }

    async fn stop(mut self) -> Result<()> {
        let _ = killpg(self.group, Signal::SIGTERM);
        if timeout(STOP_TIMEOUT, self.child.wait()).await.is_err() {
            note("wrangler does not end by itself; killing it");
        }
        self.guard.disarm().await;
        Ok(())
    }
}

impl Drop for Wrangler {
    fn drop(&mut self) {
        // Also what wrangler left running.
        let _ = killpg(self.group, Signal::SIGKILL);
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

fn welcome(url: &str, dir: &Path, stand_in: Option<&StandIn>) -> String {
    let demo = has_demo(dir);
    let has_password = DevVars::read(dir).ok().flatten().is_some_and(|vars| vars.get("DB_ADMIN_PASSWORD").is_some());
    let password = if has_password { "DB_ADMIN_PASSWORD" } else { "DB_SECRET" };
    let mut text = String::from("\n");
    let mut line = |line: &str| {
        text.push_str(line);
        text.push('\n');
    };
    if demo {
        line(&format!("  Demo page      {url}/demo"));
    } else {
        line(&format!("  Worker         {url}/"));
    }
    match stand_in {
        Some(stand_in) => {
            line(&format!("  Payment page   {url}/topup  (→ {})", stand_in.payment_link_url()));
            line(&format!(
                "  Database       {url}/db/admin-readonly  (user admin-readonly, password: {password} in .dev.vars)"
            ));
            line("");
            line("  Stripe is a local stand-in: no money moves, and it forgets all payments when this ends.");
            line("  The database stays as it is until the next run; --fresh empties it.");
            line("  To pay from the shell: cargo stripeflare pay <link or access token> 5");
        }
        None => {
            line(&format!("  Payment page   {url}/topup"));
            line("");
            line("  .dev.vars has no STRIPE_API_BASE: this talks to Stripe, with the keys in there.");
            line("  To get its webhooks here, run this and put the whsec_… it prints into .dev.vars:");
            line(&format!("    stripe listen --forward-to {url}/stripe-webhook"));
        }
    }
    line("");
    if demo {
        line("  As an agent: the first call answers 402 with an access_token and a paymentLink,");
        let call = format!("curl {url}/reverse -H 'Content-Type: application/json' -d '{{\"text\":\"abc\"}}'");
        line(&format!("    {call}"));
        line("  pay there, then call again with the token:");
        line(&format!("    {call} -H 'Authorization: Bearer <access_token>'"));
    } else {
        line(&format!("    curl {url}/me"));
    }
    line("");
    line("  Ctrl-C ends both.");
    line("");
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn options() -> Options {
        Options { dir: None, example: None, port: 8787, stripe_port: None, fresh: false }
    }

    fn free_port() -> u16 {
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
    }

    #[test]
    fn a_worker_has_a_main_and_a_package() {
        let dir = tempfile::tempdir().unwrap();
        assert!(!is_worker(dir.path()));
        fs::write(dir.path().join("wrangler.toml"), "main = \"build/index.js\"").unwrap();
        fs::write(dir.path().join("Cargo.toml"), "[workspace]").unwrap();
        assert!(!is_worker(dir.path()), "a workspace's root is none");
        fs::write(dir.path().join("Cargo.toml"), "[package]\nname = \"x\"").unwrap();
        assert!(is_worker(dir.path()));
    }

    #[test]
    fn the_stand_in_takes_the_workers_currency() {
        let dir = tempfile::tempdir().unwrap();
        let mut vars = DevVars::empty(dir.path());
        assert_eq!(currency(dir.path(), &vars), "usd");
        fs::write(dir.path().join("wrangler.toml"), "[vars]\nSTRIPE_CURRENCY = \"EUR\"").unwrap();
        assert_eq!(currency(dir.path(), &vars), "eur");
        vars.set(&BTreeMap::from([("STRIPE_CURRENCY".to_owned(), "jpy".to_owned())]));
        assert_eq!(currency(dir.path(), &vars), "jpy");
    }

    #[test]
    fn a_taken_port_is_named_with_its_flag() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        let error = check_port(port, "--stripe-port").unwrap_err().to_string();
        assert!(error.contains(&port.to_string()) && error.contains("--stripe-port"), "{error}");
    }

    #[tokio::test]
    async fn fresh_secrets_are_written_once_and_used_again() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("public")).unwrap();
        fs::write(dir.path().join("public/demo.html"), "").unwrap();
        let options = Options { stripe_port: Some(free_port()), ..options() };
        let first = start_stripe(&options, dir.path()).await.unwrap().unwrap();
        let written = DevVars::read(dir.path()).unwrap().unwrap();
        assert_eq!(written.get("DB_SECRET").unwrap().len(), 48);
        assert_eq!(written.get("SKIP_LOGIN"), Some("true"));
        assert_eq!(written.get("STRIPE_RETURN_TO"), Some("/demo"));
        for (name, value) in first.vars() {
            assert_eq!(written.get(&name), Some(value.as_str()), "{name}");
        }
        let link = first.payment_link_id().to_owned();
        drop(first);
        let options = Options { stripe_port: Some(free_port()), ..options };
        let second = start_stripe(&options, dir.path()).await.unwrap().unwrap();
        assert_eq!(second.payment_link_id(), link);
        let updated = DevVars::read(dir.path()).unwrap().unwrap();
        assert_eq!(updated.get("DB_SECRET"), written.get("DB_SECRET"));
        assert_eq!(updated.get("STRIPE_API_BASE"), Some(second.api_base().as_str()));
    }

    #[tokio::test]
    async fn ones_own_secrets_stay_beside_the_stand_ins() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(".dev.vars");
        fs::write(&path, "# mine\nMODEL_KEY=secret\nDB_SECRET=a-secret-of-my-own-that-is-long-enough\n").unwrap();
        let options = Options { stripe_port: Some(free_port()), ..options() };
        let stand_in = start_stripe(&options, dir.path()).await.unwrap().expect("a stand-in");
        let written = fs::read_to_string(&path).unwrap();
        let mine = "# mine\nMODEL_KEY=secret\nDB_SECRET=a-secret-of-my-own-that-is-long-enough\n";
        assert!(written.starts_with(mine), "{written}");
        let vars = DevVars::read(dir.path()).unwrap().unwrap();
        assert_eq!(vars.get("STRIPE_API_BASE"), Some(&*stand_in.api_base()));
        assert_eq!(vars.get("SKIP_LOGIN"), Some("true"));
        drop(stand_in);
        while check_port(options.stripe_port.unwrap(), "").is_err() {
            tokio::task::yield_now().await;
        }
        drop(start_stripe(&options, dir.path()).await.unwrap().expect("the same again"));
        assert_eq!(fs::read_to_string(&path).unwrap(), written, "said and done once");
        let text = welcome("http://localhost:8787", dir.path(), None);
        assert!(!text.contains("a-secret-of-my-own"));
    }

    #[tokio::test]
    async fn half_of_a_real_account_is_named() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(".dev.vars"), "STRIPE_PAYMENT_LINK=https://buy.example/x\n").unwrap();
        let error = start_stripe(&options(), dir.path()).await.unwrap_err().to_string();
        assert!(error.contains("has STRIPE_PAYMENT_LINK and no STRIPE_SECRET"), "{error}");
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

    #[tokio::test]
    async fn with_real_keys_there_is_no_stand_in() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(".dev.vars"), "STRIPE_SECRET=sk_test_mine\n").unwrap();
        assert!(start_stripe(&options(), dir.path()).await.unwrap().is_none());
        let text = welcome("http://localhost:8787", dir.path(), None);
        assert!(text.contains("stripe listen --forward-to http://localhost:8787/stripe-webhook"));
        assert_eq!(fs::read_to_string(dir.path().join(".dev.vars")).unwrap(), "STRIPE_SECRET=sk_test_mine\n");
    }

    #[test]
    fn the_port_is_read_from_the_address() {
        assert_eq!(port_of("http://127.0.0.1:8788"), Some(8788));
        assert_eq!(port_of("http://localhost:1/"), Some(1));
        assert_eq!(port_of("https://api.stripe.com"), None);
    }
}
