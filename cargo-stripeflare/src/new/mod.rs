//! `cargo stripeflare new`: a project that compiles, and what it needs at Stripe.

mod dependency;
mod template;

use std::env;
use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::config::Config;
use crate::dev_vars::DevVars;
use crate::process;
use crate::seller::{self, Keys, Offer};
use template::Values;

/// The currencies of three decimals, which the runtime refuses.
const UNSUPPORTED: [&str; 5] = ["bhd", "jod", "kwd", "omr", "tnd"];

/// Names that a package cannot have beside what it depends on.
const TAKEN: [&str; 7] = ["alloc", "core", "proc-macro", "serde", "std", "stripeflare", "test"];

/// What to make. What is `None` is asked for in a terminal, and has a default elsewhere.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The project's and the worker's name, and its folder's.
    pub name: Option<String>,
    /// Where the worker will answer.
    pub domain: Option<String>,
    /// What people see; the name by default.
    pub title: Option<String>,
    /// `usd` by default.
    pub currency: Option<String>,
    /// What one payment is, in the currency's smallest unit; by default the customer chooses.
    pub amount: Option<u32>,
    /// Stripe makes an invoice of each payment.
    pub invoices: bool,
    /// Stripe adds the tax.
    pub tax: bool,
    /// With live keys, for real money.
    pub live: bool,
    /// Stripe's keys; by default from the environment, or from `~/.stripeflare.dev.vars`.
    pub stripe_secret: Option<String>,
    /// As `stripe_secret`.
    pub stripe_publishable_key: Option<String>,
    /// Whose repository on GitHub it will be; by default as the keys, from `GITHUB_OWNER`.
    pub github_owner: Option<String>,
    /// The folder of the crate `stripeflare`, or a git repository's address, to depend on.
    pub stripeflare: Option<String>,
    /// Another Stripe, on this machine.
    pub stripe_api: Option<String>,
}

/// Makes the project in a folder of its name, then what it needs at Stripe if there are keys.
///
/// # Errors
/// What cannot be, or what went wrong half-way and how to go on.
pub fn run(options: &Options) -> Result<()> {
    let name = match &options.name {
        Some(name) => name.clone(),
        None => ask("Name", None)?.context("a project needs a name: cargo stripeflare new <name>")?,
    };
    check_name(&name)?;
    let dir = env::current_dir()?.join(&name);
    let is_there = is_ours(&dir, &name)?;
    let settings = Settings::read()?;
    let keys = options.keys(&settings)?;
    let owner = settings.get(options.github_owner.as_ref(), "GITHUB_OWNER");
    owner.as_deref().map_or(Ok(()), check_owner)?;

    let title = answer(options.title.as_ref(), "Title", Some(&name))?.unwrap_or_else(|| name.clone());
    check_title(&title)?;
    let domain = answer(options.domain.as_ref(), "Domain, such as api.example.com (empty: later)", None)?;
    domain.as_deref().map_or(Ok(()), check_domain)?;
    let currency = answer(options.currency.as_ref(), "Currency", Some("usd"))?;
    let currency = currency.unwrap_or_else(|| "usd".to_owned()).to_ascii_lowercase();
    check_currency(&currency)?;
    let amount = match options.amount {
        Some(amount) => Some(amount),
        None => ask("Amount of one payment in the smallest unit (empty: the customer chooses)", None)?
            .map(|amount| {
                amount.parse().with_context(|| format!("{amount} is no amount: give whole cents, such as 500"))
            })
            .transpose()?,
    };

    if is_there {
        println!("{} is there already; its files stay as they are.", dir.display());
    } else {
        let dependency = dependency::dependency(options.stripeflare.as_deref())?;
        let repository = owner.map(|owner| format!("https://github.com/{owner}/{name}"));
        let values = Values {
            name: &name,
            title: &title,
            domain: domain.as_deref(),
            currency: &currency,
            dependency: &dependency,
            repository: repository.as_deref(),
        };
        create(&dir, &values)?;
        println!("Made {}.", dir.display());
    }

    match (keys, domain) {
        (Some(keys), Some(domain)) => {
            let (mode, file) = if options.live { ("live", ".live.vars") } else { ("test", ".test.vars") };
            println!("At Stripe, in {mode} mode:");
            let path = dir.join(file);
            let mut vars = DevVars::read_file(path.clone())?.unwrap_or_else(|| DevVars::empty_file(path));
            let offer = Offer {
                name: name.clone(),
                title,
                domain,
                currency,
                amount,
                invoices: options.invoices,
                tax: options.tax,
            };
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(seller::set_up(&offer, keys, options.stripe_api.as_deref(), &mut vars))?;
            println!("The worker's secrets for {mode} mode are in {}.", vars.path().display());
        }
        (Some(_), None) => println!("Nothing was made at Stripe: that needs --domain."),
        (None, _) => println!(
            "Nothing was made at Stripe. `dev` needs nothing there; to deploy, set STRIPE_SECRET and \
             STRIPE_PUBLISHABLE_KEY and run this again with --domain."
        ),
    }
    println!("\n  cd {name}\n  cargo test\n  cargo stripeflare dev");
    Ok(())
}

/// What is the same for each of a seller's projects, in `~/.stripeflare.dev.vars`.
struct Settings(Option<DevVars>);

impl Settings {
    fn read() -> Result<Self> {
        let file = env::home_dir().map(|home| DevVars::read_file(home.join(".stripeflare.dev.vars"))).transpose()?;
        Ok(Self(file.flatten()))
    }

    /// The flag's value, the environment's, or the file's.
    fn get(&self, flag: Option<&String>, name: &str) -> Option<String> {
        let stored = || self.0.as_ref().and_then(|vars| vars.get(name)).map(str::to_owned);
        let value = flag.cloned().or_else(|| env::var(name).ok()).or_else(stored)?;
        Some(value.trim().to_owned()).filter(|value| !value.is_empty())
    }
}

impl Options {
    fn keys(&self, settings: &Settings) -> Result<Option<Keys>> {
        if let Some(base) = &self.stripe_api
            && !base.starts_with("http://127.0.0.1:")
        {
            bail!("another Stripe than Stripe itself is for tests, at http://127.0.0.1:<port>");
        }
        let secret = settings.get(self.stripe_secret.as_ref(), "STRIPE_SECRET");
        let publishable = settings.get(self.stripe_publishable_key.as_ref(), "STRIPE_PUBLISHABLE_KEY");
        match (secret, publishable) {
            (Some(secret), Some(publishable)) => Keys::new(&secret, &publishable, self.live).map(Some),
            (None, None) if self.live => bail!("--live needs live keys in STRIPE_SECRET and STRIPE_PUBLISHABLE_KEY"),
            (None, None) => Ok(None),
            (Some(_), None) => bail!("STRIPE_SECRET is set and STRIPE_PUBLISHABLE_KEY is not: set both, or neither"),
            (None, Some(_)) => bail!("STRIPE_PUBLISHABLE_KEY is set and STRIPE_SECRET is not: set both, or neither"),
        }
    }
}

/// Writes everything beside the folder first, so that there is a whole project or none.
fn create(dir: &Path, values: &Values<'_>) -> Result<()> {
    let draft = dir.with_file_name(format!(".{}.{}", values.name, std::process::id()));
    let made = fs::create_dir(&draft)
        .with_context(|| format!("cannot make a folder in {}", draft.parent().unwrap_or(dir).display()))
        .and_then(|()| template::write(&draft, values))
        .and_then(|()| init_git(&draft, values.repository))
        .and_then(|()| fs::rename(&draft, dir).with_context(|| format!("cannot make {}", dir.display())));
    if made.is_err() {
        let _ = fs::remove_dir_all(&draft);
    }
    made
}

/// A repository of its own, unless it is in one already.
fn init_git(dir: &Path, origin: Option<&str>) -> Result<()> {
    if dir.ancestors().any(|dir| dir.join(".git").exists()) {
        return Ok(());
    }
    process::capture(process::command("git").args(["init", "--quiet"]).current_dir(dir))?;
    let Some(origin) = origin else { return Ok(()) };
    process::capture(process::command("git").args(["remote", "add", "origin", origin]).current_dir(dir)).map(drop)
}

/// Whether the folder is there and a project of this name.
fn is_ours(dir: &Path, name: &str) -> Result<bool> {
    if fs::read_dir(dir).is_ok_and(|mut files| files.next().is_none()) || !dir.exists() {
        return Ok(false);
    }
    if Config::read(dir)?.is_some_and(|config| config.name.as_deref() == Some(name)) {
        return Ok(true);
    }
    bail!("{} is there already and is no worker named {name}: choose another name", dir.display());
}

/// The flag's value, or what the user types.
fn answer(given: Option<&String>, question: &str, default: Option<&str>) -> Result<Option<String>> {
    given.map_or_else(|| ask(question, default), |given| Ok(Some(given.trim().to_owned())))
}

/// Asks in a terminal. Elsewhere, and for an empty line, the answer is the default.
fn ask(question: &str, default: Option<&str>) -> Result<Option<String>> {
    let default = default.map(str::to_owned);
    if !io::stdin().is_terminal() {
        return Ok(default);
    }
    let shown = default.as_ref().map_or_else(String::new, |default| format!(" [{default}]"));
    print!("{question}{shown}: ");
    io::stdout().flush()?;
    let mut line = String::new();
    io::stdin().read_line(&mut line)?;
    let line = line.trim();
    Ok(if line.is_empty() { default } else { Some(line.to_owned()) })
}

fn check_name(name: &str) -> Result<()> {
    let is_plain = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if !is_plain || !name.starts_with(|first: char| first.is_ascii_lowercase()) || name.ends_with('-') {
        bail!("{name:?} cannot be a name: use lowercase letters, digits and hyphens, and begin with a letter");
    }
    if name.len() > 63 {
        bail!("the name is longer than 63 characters, which is what Cloudflare takes");
    }
    if TAKEN.contains(&name) {
        bail!("`{name}` is the name of a crate that the project uses: choose another one");
    }
    Ok(())
}

fn check_title(title: &str) -> Result<()> {
    if title.chars().any(char::is_control) || title.chars().count() > 100 {
        bail!("the title must be one line of at most 100 characters");
    }
    Ok(())
}

fn check_domain(domain: &str) -> Result<()> {
    let is_label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if !domain.contains('.') || domain.len() > 253 || !domain.split('.').all(is_label) {
        bail!("{domain:?} is no domain: give the host alone, such as api.example.com");
    }
    Ok(())
}

fn check_owner(owner: &str) -> Result<()> {
    let is_plain = owner.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if !is_plain || owner.is_empty() || owner.len() > 39 || owner.starts_with('-') {
        bail!("{owner:?} in GITHUB_OWNER is no user or organization on GitHub: use letters, digits and hyphens");
    }
    Ok(())
}

fn check_currency(currency: &str) -> Result<()> {
    if currency.len() != 3 || !currency.bytes().all(|byte| byte.is_ascii_lowercase()) {
        bail!("{currency:?} is no currency: give its three letters, such as usd");
    }
    if UNSUPPORTED.contains(&currency) {
        bail!("{currency} has three decimals, which are not supported");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_packages_and_workers() {
        for good in ["shop", "my-api", "a1"] {
            check_name(good).unwrap();
        }
        for bad in ["", "1a", "Shop", "a_b", "a-", "../a", "stripeflare", &"a".repeat(64)] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn owners_are_githubs() {
        check_owner("my-Company1").unwrap();
        for bad in ["", "-a", "a/b", "a b", "a\"", &"a".repeat(40)] {
            assert!(check_owner(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn domains_are_hosts() {
        for good in ["a.example", "shop.me.workers.dev"] {
            check_domain(good).unwrap();
        }
        for bad in ["localhost", "https://a.example", "a.example/", "a..example", "a\".example", "-a.example"] {
            assert!(check_domain(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn currencies_of_three_decimals_are_refused() {
        check_currency("jpy").unwrap();
        assert!(check_currency("kwd").unwrap_err().to_string().contains("three decimals"));
        assert!(check_currency("euro").is_err());
    }
}
