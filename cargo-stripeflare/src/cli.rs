//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};

use crate::build;
use crate::cron;
use crate::deploy;
use crate::dev;
use crate::doctor;
use crate::new;
use crate::pay;
use crate::provision::Panic;
use crate::schema;

#[derive(Parser)]
#[command(name = "cargo stripeflare", bin_name = "cargo stripeflare", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make a new project, and with Stripe's keys also its product, payment link and webhook endpoint
    New(NewArgs),
    /// Build a worker: leaves build/index.js and build/index_bg.wasm in its folder
    Build(BuildArgs),
    /// Look at the versions of a worker's columns, and record those that are released
    #[command(subcommand)]
    Schema(SchemaCommand),
    /// Build a worker, store its secrets, deploy it, and look whether it works
    Deploy(DeployArgs),
    /// Look at everything that a deployed worker needs, and say what mends what is wrong
    Doctor(DoctorArgs),
    /// Run a worker on this machine, with a local stand-in for Stripe
    Dev(DevArgs),
    /// Pay at the local stand-in for Stripe that `dev` runs
    Pay(PayArgs),
    /// Ring the cron triggers of the worker that `dev` runs
    Cron(CronArgs),
}

#[derive(Args)]
struct NewArgs {
    /// The project's name, which is also its folder's and the worker's
    name: Option<String>,
    /// Where the worker will answer, such as api.example.com
    #[arg(long)]
    domain: Option<String>,
    /// What people see on the page and at the payment; by default the name
    #[arg(long)]
    title: Option<String>,
    /// The currency of prices and payments; by default usd
    #[arg(long)]
    currency: Option<String>,
    /// What one payment is, in the currency's smallest unit; by default the customer chooses
    #[arg(long, value_name = "CENTS", value_parser = clap::value_parser!(u32).range(1..))]
    amount: Option<u32>,
    /// Let Stripe make an invoice of each payment
    #[arg(long)]
    invoices: bool,
    /// Let Stripe add the tax
    #[arg(long)]
    tax: bool,
    /// Use live keys, for real money
    #[arg(long)]
    live: bool,
    /// Stripe's secret key; better in the environment or in ~/.stripeflare.dev.vars, as STRIPE_SECRET
    #[arg(long, value_name = "KEY")]
    stripe_secret: Option<String>,
    /// Stripe's publishable key; otherwise STRIPE_PUBLISHABLE_KEY, from the same places
    #[arg(long, value_name = "KEY")]
    stripe_publishable_key: Option<String>,
    /// Whose repository on GitHub it will be: sets git's remote; otherwise GITHUB_OWNER, from the same places
    #[arg(long, value_name = "NAME")]
    github_owner: Option<String>,
    /// Depend on the crate stripeflare in this folder, or in this git repository
    #[arg(long, value_name = "PATH|URL")]
    stripeflare: Option<String>,
    /// A stand-in for Stripe, for tests
    #[arg(long, value_name = "URL", hide = true)]
    stripe_api_base: Option<String>,
}

#[derive(Args)]
struct BuildArgs {
    /// The worker's folder
    #[arg(long, value_name = "PATH", default_value = ".")]
    dir: PathBuf,
    /// Optimize, as for a deployment (the default, except under `wrangler dev`)
    #[arg(long, conflicts_with = "dev")]
    release: bool,
    /// Build quickly, without optimizing (the default under `wrangler dev`)
    #[arg(long)]
    dev: bool,
    /// Leave wasm-opt out: ready sooner, about a fifth larger
    #[arg(long)]
    no_opt: bool,
    /// Let a panic end every request in the isolate, for a smaller worker without nightly
    #[arg(long)]
    abort: bool,
}

#[derive(Subcommand)]
enum SchemaCommand {
    /// Record the versions so far in stripeflare.schema.json: from then on, changing them does not compile
    Lock(SchemaArgs),
    /// Print the SQL of every version
    Sql(SchemaArgs),
    /// Print the SQL of the versions that are not recorded yet
    Diff(SchemaArgs),
}

#[derive(Args)]
struct SchemaArgs {
    /// The worker's folder
    #[arg(long, value_name = "PATH", default_value = ".")]
    dir: PathBuf,
    /// Compile quickly, without optimizing
    #[arg(long)]
    dev: bool,
    /// Compile with the project's own toolchain, as `build --abort` does
    #[arg(long)]
    abort: bool,
}

#[derive(Args)]
struct DevArgs {
    /// The worker's folder; by default the current one, if it is a worker's
    #[arg(long, value_name = "PATH", conflicts_with = "example")]
    dir: Option<PathBuf>,
    /// One of this repository's examples; `quickstart` outside of a worker's folder
    #[arg(long, value_name = "NAME")]
    example: Option<String>,
    /// The worker's port
    #[arg(long, default_value_t = 8787)]
    port: u16,
    /// The port of the local stand-in for Stripe; by default the one in .dev.vars, or 8788
    #[arg(long)]
    stripe_port: Option<u16>,
    /// Begin with an empty database; otherwise it is as the last run left it
    #[arg(long)]
    fresh: bool,
}

#[derive(Args)]
struct DeployArgs {
    /// The worker's folder
    #[arg(long, value_name = "PATH", default_value = ".")]
    dir: PathBuf,
    /// With the secrets for live payments, in .live.vars; otherwise those for Stripe's test mode, in .test.vars
    #[arg(long)]
    live: bool,
    /// Do everything that needs no account at Cloudflare
    #[arg(long)]
    dry_run: bool,
    /// A stand-in for Stripe, for tests
    #[arg(long, value_name = "URL", hide = true)]
    stripe_api_base: Option<String>,
}

#[derive(Args)]
struct DoctorArgs {
    /// The worker's folder
    #[arg(long, value_name = "PATH", default_value = ".")]
    dir: PathBuf,
    /// Look at what live payments need, instead of Stripe's test mode
    #[arg(long)]
    live: bool,
    /// A stand-in for Stripe, for tests
    #[arg(long, value_name = "URL", hide = true)]
    stripe_api_base: Option<String>,
}

#[derive(Args)]
struct PayArgs {
    /// A payment link, as a 402 or /me answers it, or an access token
    #[arg(value_name = "LINK|TOKEN")]
    to: String,
    /// How much, as on the payment page: 5 is five dollars
    amount: String,
    /// How: visa, visa_debit, mastercard, amex, wallet, declined, link, link_bank, debit or debit_fails
    #[arg(long, default_value = "visa")]
    method: String,
    /// The payer's e-mail address
    #[arg(long, default_value = "payer@example.com")]
    email: String,
    /// Where the worker of an access token is
    #[arg(long, value_name = "URL", default_value = "http://localhost:8787")]
    worker: String,
}

#[derive(Args)]
struct CronArgs {
    /// Which, such as "17 * * * *"; by default each that wrangler.toml names
    schedule: Option<String>,
    /// The worker's folder
    #[arg(long, value_name = "PATH", default_value = ".")]
    dir: PathBuf,
    /// The worker's port
    #[arg(long, default_value_t = 8787)]
    port: u16,
}

/// Runs the program with its arguments, as `cargo stripeflare …` or `cargo-stripeflare …`.
///
/// # Errors
/// What went wrong and what to do about it, for the user to read.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> Result<()> {
    match Cli::parse_from(without_cargo(arguments)).command {
        Command::New(args) => new::run(&new::Options {
            name: args.name,
            domain: args.domain,
            title: args.title,
            currency: args.currency,
            amount: args.amount,
            invoices: args.invoices,
            tax: args.tax,
            live: args.live,
            stripe_secret: args.stripe_secret,
            stripe_publishable_key: args.stripe_publishable_key,
            github_owner: args.github_owner,
            stripeflare: args.stripeflare,
            stripe_api: args.stripe_api_base,
        }),
        Command::Build(args) => {
            let panic = if args.abort { Panic::Abort } else { Panic::Unwind };
            let release = args.release || !(args.dev || build::is_for_dev());
            let options = build::Options {
                release,
                panic,
                wasm_opt: release && !args.no_opt,
                ..build::Options::release(args.dir)
            };
            build::build(&options).map(drop)
        }
        Command::Schema(command) => {
            let (args, print): (_, fn(&schema::Found) -> Result<String>) = match command {
                SchemaCommand::Lock(args) => (args, schema::Found::lock),
                SchemaCommand::Sql(args) => (args, |found| Ok(found.sql())),
                SchemaCommand::Diff(args) => (args, |found| Ok(found.diff())),
            };
            let panic = if args.abort { Panic::Abort } else { Panic::Unwind };
            let options = build::Options { release: !args.dev, panic, ..build::Options::release(args.dir) };
            print!("{}", print(&schema::Found::in_worker(&options)?)?);
            Ok(())
        }
        Command::Dev(args) => dev::run(&dev::Options {
            dir: args.dir,
            example: args.example,
            port: args.port,
            stripe_port: args.stripe_port,
            fresh: args.fresh,
        }),
        Command::Deploy(args) => deploy::run(&deploy::Options {
            dir: args.dir,
            live: args.live,
            dry_run: args.dry_run,
            stripe_api: args.stripe_api_base,
        }),
        Command::Doctor(args) => {
            doctor::run(&doctor::Options { dir: args.dir, live: args.live, stripe_api: args.stripe_api_base })
        }
        Command::Pay(args) => pay::run(&pay::Options {
            to: args.to,
            amount: args.amount,
            method: args.method,
            email: args.email,
            worker: args.worker,
        }),
        Command::Cron(args) => cron::run(&cron::Options { dir: args.dir, schedule: args.schedule, port: args.port }),
    }
}

/// cargo starts a subcommand with the subcommand's name as its first argument.
fn without_cargo(arguments: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = arguments.into_iter().collect();
    if arguments.get(1).is_some_and(|first| first == "stripeflare") {
        arguments.remove(1);
    }
    arguments
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(line: &str) -> Command {
        Cli::try_parse_from(without_cargo(line.split(' ').map(OsString::from))).unwrap().command
    }

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn runs_with_and_without_cargo() {
        for line in ["cargo-stripeflare stripeflare build --abort", "cargo-stripeflare build --abort"] {
            let Command::Build(args) = parse(line) else { panic!("{line}") };
            assert!(args.abort && !args.dev);
        }
    }

    #[test]
    fn dev_has_the_documented_defaults() {
        let Command::Dev(args) = parse("cargo-stripeflare dev") else { panic!() };
        assert_eq!((args.port, args.stripe_port, args.fresh), (8787, None, false));
    }

    #[test]
    fn paying_takes_a_link_or_token_and_an_amount() {
        let Command::Pay(args) = parse("cargo-stripeflare pay token 5") else { panic!() };
        assert_eq!((&*args.to, &*args.amount, &*args.method), ("token", "5", "visa"));
    }
}
