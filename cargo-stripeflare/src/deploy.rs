//! `cargo stripeflare deploy`: builds a worker, stores its secrets, deploys it, and looks whether it works.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use reqwest::{Client, StatusCode};
use serde_json::json;

use crate::build;
use crate::dev_vars::DevVars;
use crate::doctor::{self, secrets};
use crate::finding::Finding;
use crate::process;
use crate::progress::note;
use crate::project::Project;
use crate::provision::{self, NpmTools, Panic};
use crate::schema::Found;
use crate::seller;
use crate::stripe::{random, signature_header};

/// A deployed worker is not everywhere at once.
const TRIES: u32 = 10;
const PAUSE: Duration = Duration::from_secs(2);

/// What to deploy and how.
#[derive(Debug, Clone)]
pub struct Options {
    /// The worker's folder.
    pub dir: PathBuf,
    /// With the secrets for live payments.
    pub live: bool,
    /// Everything that needs no account at Cloudflare.
    pub dry_run: bool,
    /// Another Stripe, on this machine.
    pub stripe_api: Option<String>,
}

/// Deploys, unless something is wrong that can be seen before.
///
/// # Errors
/// What is wrong and what mends it.
pub fn run(options: &Options) -> Result<()> {
    let (mut findings, config, vars) = doctor::of_folder(&options.dir, options.live)?;
    if options.dry_run {
        // Secrets belong to an account.
        findings.retain(|finding| !finding.what.contains(secrets::file(options.live)));
    }
    report(&findings)?;
    let project = Project::find(&options.dir)?;
    let tools = provision::for_build(&project, Panic::Unwind)?;
    build::build(&build::Options::release(&project.dir))?;
    if options.dry_run {
        return wrangler(&tools, &project.dir, &["deploy", "--dry-run"]);
    }
    let vars = vars.context("the secrets were looked at before")?;
    // In one request, so that no worker is ever without its secrets.
    wrangler(&tools, &project.dir, &["deploy", "--secrets-file", secrets::file(options.live)])?;
    if Found::in_last_build(&project)?.is_some_and(|found| !found.is_recorded()) {
        note("the columns are released now: record them with `cargo stripeflare schema lock`");
    }

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let wanted = seller::Wanted { vars: &vars, domain: config.domain(), currency: &config.currency() };
    let mut findings = runtime.block_on(seller::examine(&wanted, options.live, options.stripe_api.as_deref()))?;
    let Some(domain) = config.domain() else {
        report(&findings)?;
        note("deployed; on workers.dev, look at /me yourself: wrangler has printed the address");
        return Ok(());
    };
    findings.extend(runtime.block_on(at(&format!("https://{domain}"), &vars, options.live, PAUSE))?);
    report(&findings)?;
    note(&format!("https://{domain} is deployed and answers"));
    Ok(())
}

fn report(findings: &[Finding]) -> Result<()> {
    if findings.is_empty() {
        return Ok(());
    }
    let listed: Vec<String> = findings.iter().map(Finding::to_string).collect();
    bail!("this has to be mended:\n\n{}", listed.join("\n\n"))
}

fn wrangler(tools: &NpmTools, dir: &Path, arguments: &[&str]) -> Result<()> {
    let mut command: Command = process::command("node");
    command.arg(&tools.wrangler).args(arguments).current_dir(dir).env("WRANGLER_SEND_METRICS", "false");
    process::inherit(&mut command)
}

/// Asks a deployed worker, and sends it an event that changes nothing.
async fn at(url: &str, vars: &DevVars, live: bool, pause: Duration) -> Result<Vec<Finding>> {
    let http = Client::builder().redirect(reqwest::redirect::Policy::none()).build()?;
    let mut findings = Vec::new();
    let mut me = None;
    for tried in 0..TRIES {
        if tried > 0 {
            tokio::time::sleep(pause).await;
        }
        me = http.get(format!("{url}/me")).send().await.ok();
        // A new domain, and secrets that have just been stored, take a moment.
        if me.as_ref().is_some_and(|answer| answer.status() == StatusCode::OK) {
            break;
        }
    }
    match me {
        Some(answer) if answer.status() == StatusCode::OK => {}
        Some(answer) => {
            let status = answer.status().as_u16();
            let said: String = answer.text().await.unwrap_or_default().chars().take(300).collect();
            findings.push(Finding::new(format!("{url}/me answers {status}: {said}"), "npx wrangler tail shows why"));
            return Ok(findings);
        }
        None => {
            let mend = "wait for the domain to be set up, or look at it in Cloudflare's dashboard";
            findings.push(Finding::new(format!("nobody answers at {url}"), mend));
            return Ok(findings);
        }
    }
    let secret = vars.get("STRIPE_WEBHOOK_SIGNING_SECRET").unwrap_or_default();
    // The newest is the first that Stripe signs with; the worker takes each.
    let secret = secret.split(',').next().unwrap_or_default().trim();
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let event = json!({
        "created": now, "data": { "object": {} }, "id": format!("evt_{}", random(24)), "livemode": live, "object": "event",
        "type": "stripeflare.check",
    });
    let body = event.to_string();
    let signature = signature_header(body.as_bytes(), &[secret], i64::try_from(now)?, live);
    let webhook = http.post(format!("{url}/stripe-webhook")).header("Stripe-Signature", signature).body(body);
    let status = webhook.send().await.context("the worker's webhook does not answer")?.status();
    if status != StatusCode::OK {
        let what = format!("{url}/stripe-webhook answers {} to an event with a good signature", status.as_u16());
        let mend = "STRIPE_WEBHOOK_SIGNING_SECRET is another one at Cloudflare: deploy again; and is this clock right?";
        findings.push(Finding::new(what, mend));
    }
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use axum::Router;
    use axum::http::HeaderMap;
    use axum::routing::{get, post};

    use super::*;

    /// A worker that knows one signing secret, or is broken.
    async fn worker(secret: &'static str, me: StatusCode) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let webhook = async move |headers: HeaderMap, body: String| {
            let header = headers["stripe-signature"].to_str().unwrap().to_owned();
            let t = header.split(',').find_map(|part| part.strip_prefix("t=")?.parse().ok()).unwrap();
            let is_good = header == signature_header(body.as_bytes(), &[secret], t, false);
            if is_good { StatusCode::OK } else { StatusCode::BAD_REQUEST }
        };
        let me = async move || (me, "the variable DB_SECRET is missing");
        let app = Router::new().route("/me", get(me)).route("/stripe-webhook", post(webhook));
        tokio::spawn(async move { axum::serve(listener, app).await });
        url
    }

    fn vars() -> DevVars {
        let mut vars = DevVars::empty_file("/a/.test.vars".into());
        let secrets = "whsec_the_newer_secret, whsec_the_older_secret";
        vars.set(&BTreeMap::from([("STRIPE_WEBHOOK_SIGNING_SECRET".to_owned(), secrets.to_owned())]));
        vars
    }

    #[tokio::test]
    async fn a_worker_that_takes_the_signature_is_fine() {
        let url = worker("whsec_the_newer_secret", StatusCode::OK).await;
        assert_eq!(at(&url, &vars(), false, Duration::ZERO).await.unwrap(), []);
    }

    #[tokio::test]
    async fn a_worker_with_another_secret_is_found() {
        let url = worker("whsec_of_somebody_else", StatusCode::OK).await;
        let findings = at(&url, &vars(), false, Duration::ZERO).await.unwrap();
        assert!(findings[0].what.contains("answers 400") && !findings[0].to_string().contains("newer"), "{findings:?}");
    }

    #[tokio::test]
    async fn a_broken_worker_says_what_it_lacks() {
        let url = worker("whsec_the_newer_secret", StatusCode::INTERNAL_SERVER_ERROR).await;
        let findings = at(&url, &vars(), false, Duration::ZERO).await.unwrap();
        assert!(findings[0].what.contains("answers 500: the variable DB_SECRET is missing"), "{findings:?}");
    }
}
