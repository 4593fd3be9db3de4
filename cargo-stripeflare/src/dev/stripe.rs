//! The stand-in for Stripe beside a worker, and the variables that lead the worker to it.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, bail};

use super::{Options, STATE, check_port};
use crate::config::Config;
use crate::dev_vars::DevVars;
use crate::progress::note;
use crate::stripe::{StandIn, StandInOptions, random};

/// Where the payment page sends the payer, on the worker's own address.
const AFTER_PAYMENT: &str = "/stripe/return?session_id={CHECKOUT_SESSION_ID}";

/// The stand-in's port where nobody named one.
const STRIPE_PORT: u16 = 8788;

/// How long a bank debit of the stand-in takes.
const SETTLE_AFTER: Duration = Duration::from_secs(10);

/// How a password begins that opens nothing but this machine's panel, and so may be shown.
pub(super) const LOCAL_PASSWORD: &str = "local-";

/// What a worker that talks to Stripe itself has from there.
const OF_STRIPE: [&str; 4] =
    ["STRIPE_PUBLISHABLE_KEY", "STRIPE_WEBHOOK_SIGNING_SECRET", "STRIPE_PAYMENT_LINK", "STRIPE_PAYMENT_LINK_ID"];

/// Starts the stand-in, unless `.dev.vars` has a real Stripe account's key. Other secrets in there stay as they are.
pub(super) async fn start(options: &Options, dir: &Path, config: &Config) -> Result<Option<StandIn>> {
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
        currency: currency(config, &vars),
        memory: Some(dir.join(STATE).join("stripe.json")),
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

/// What the worker will take payments in: `.dev.vars` goes before wrangler's configuration.
fn currency(config: &Config, vars: &DevVars) -> String {
    vars.get("STRIPE_CURRENCY").map_or_else(|| config.currency(), |currency| currency.trim().to_ascii_lowercase())
}

/// What a worker needs besides, where the user has not set it.
fn add_own_vars(vars: &mut DevVars, dir: &Path) {
    vars.comment("Made by `cargo stripeflare dev` for this machine; never commit it.");
    vars.comment("To talk to Stripe itself, put your own test keys here and remove STRIPE_API_BASE.");
    let mut own = vec![
        ("DB_SECRET", random(48)),
        ("DB_ADMIN_PASSWORD", format!("{LOCAL_PASSWORD}{}", random(20))),
        ("SKIP_LOGIN", "true".to_owned()),
        ("LOGIN_WAIT", "0".to_owned()),
    ];
    if has_demo(dir) {
        own.push(("STRIPE_RETURN_TO", "/demo".to_owned()));
    }
    own.retain(|(name, _)| vars.get(name).is_none());
    vars.set(&own.into_iter().map(|(name, value)| (name.to_owned(), value)).collect());
}

pub(super) fn has_demo(dir: &Path) -> bool {
    dir.join("public/demo.html").is_file()
}

/// The port of a loopback address.
fn port_of(url: &str) -> Option<u16> {
    let host = url.strip_prefix("http://")?.trim_end_matches('/');
    let (_, port) = host.rsplit_once(':')?;
    port.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::net::{Ipv4Addr, TcpListener};

    use super::*;

    fn options() -> Options {
        Options { dir: None, example: None, port: 8787, stripe_port: None, fresh: false }
    }

    fn free_port() -> u16 {
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
    }

    #[test]
    fn the_stand_in_takes_the_workers_currency() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("wrangler.toml"), "[vars]\nSTRIPE_CURRENCY = \"EUR\"").unwrap();
        let config = Config::of(dir.path()).unwrap();
        let mut vars = DevVars::empty(dir.path());
        assert_eq!(currency(&Config::default(), &vars), "usd");
        assert_eq!(currency(&config, &vars), "eur");
        vars.set(&BTreeMap::from([("STRIPE_CURRENCY".to_owned(), "jpy".to_owned())]));
        assert_eq!(currency(&config, &vars), "jpy");
    }

    #[tokio::test]
    async fn fresh_secrets_are_written_once_and_used_again() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("public")).unwrap();
        fs::write(dir.path().join("public/demo.html"), "").unwrap();
        let options = Options { stripe_port: Some(free_port()), ..options() };
        let first = start(&options, dir.path(), &Config::default()).await.unwrap().unwrap();
        let written = DevVars::read(dir.path()).unwrap().unwrap();
        assert_eq!(written.get("DB_SECRET").unwrap().len(), 48);
        assert_eq!(written.get("SKIP_LOGIN"), Some("true"));
        assert_eq!(written.get("STRIPE_RETURN_TO"), Some("/demo"));
        assert!(written.get("DB_ADMIN_PASSWORD").unwrap().starts_with(LOCAL_PASSWORD));
        for (name, value) in first.vars() {
            assert_eq!(written.get(&name), Some(value.as_str()), "{name}");
        }
        let link = first.payment_link_id().to_owned();
        drop(first);
        let options = Options { stripe_port: Some(free_port()), ..options };
        let second = start(&options, dir.path(), &Config::default()).await.unwrap().unwrap();
        assert_eq!(second.payment_link_id(), link);
        let updated = DevVars::read(dir.path()).unwrap().unwrap();
        assert_eq!(updated.get("DB_SECRET"), written.get("DB_SECRET"));
        assert_eq!(updated.get("STRIPE_API_BASE"), Some(second.api_base().as_str()));
    }

    #[tokio::test]
    async fn ones_own_secrets_stay_beside_the_stand_ins() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(".dev.vars");
        fs::write(&path, "# mine\nMODEL_KEY=secret\nDB_SECRET=a-secret-of-my-own-that-is-long-enough\nDB_ADMIN_PASSWORD=a-secret-of-my-own\n").unwrap();
        let options = Options { stripe_port: Some(free_port()), ..options() };
        let stand_in = start(&options, dir.path(), &Config::default()).await.unwrap().expect("a stand-in");
        let written = fs::read_to_string(&path).unwrap();
        let mine = "# mine\nMODEL_KEY=secret\nDB_SECRET=a-secret-of-my-own-that-is-long-enough\nDB_ADMIN_PASSWORD=a-secret-of-my-own\n";
        assert!(written.starts_with(mine), "{written}");
        let vars = DevVars::read(dir.path()).unwrap().unwrap();
        assert_eq!(vars.get("STRIPE_API_BASE"), Some(&*stand_in.api_base()));
        assert_eq!(vars.get("SKIP_LOGIN"), Some("true"));
        drop(stand_in);
        while check_port(options.stripe_port.unwrap(), "").is_err() {
            tokio::task::yield_now().await;
        }
        drop(start(&options, dir.path(), &Config::default()).await.unwrap().expect("the same again"));
        assert_eq!(fs::read_to_string(&path).unwrap(), written, "said and done once");
    }

    #[tokio::test]
    async fn half_of_a_real_account_is_named() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(".dev.vars"), "STRIPE_PAYMENT_LINK=https://buy.example/x\n").unwrap();
        let error = start(&options(), dir.path(), &Config::default()).await.unwrap_err().to_string();
        assert!(error.contains("has STRIPE_PAYMENT_LINK and no STRIPE_SECRET"), "{error}");
    }

    #[tokio::test]
    async fn with_real_keys_there_is_no_stand_in() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(".dev.vars"), "STRIPE_SECRET=sk_test_mine\n").unwrap();
        assert!(start(&options(), dir.path(), &Config::default()).await.unwrap().is_none());
        assert_eq!(fs::read_to_string(dir.path().join(".dev.vars")).unwrap(), "STRIPE_SECRET=sk_test_mine\n");
    }

    #[test]
    fn the_port_is_read_from_the_address() {
        assert_eq!(port_of("http://127.0.0.1:8788"), Some(8788));
        assert_eq!(port_of("http://localhost:1/"), Some(1));
        assert_eq!(port_of("https://api.stripe.com"), None);
    }
}
