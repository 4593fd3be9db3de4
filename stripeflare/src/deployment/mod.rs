//! The worker's side without HTTP: what is configured, and what it asks of objects and of Stripe.

use stripeflare_core::protocol::account::ReadStats;
use stripeflare_core::protocol::{Command, Shard, Stats};
use stripeflare_core::schema::Tables;

use crate::error::Result;
use crate::js;
pub(crate) mod charge_user;
pub(crate) mod config;
pub(crate) mod deliveries;
pub(crate) mod own;
pub(crate) mod payment_link;
pub(crate) mod payments;
#[cfg(feature = "reconcile")]
pub(crate) mod reconcile;
pub(crate) mod stripe_api;
pub(crate) mod users;

use std::cell::{Cell, OnceCell};
use std::rc::Rc;

use stripeflare_core::identity::AccountId;
use worker::Env;

use self::config::Config;
use crate::object::Stubs;

/// One deployment of one version, as every kind of event sees it.
#[derive(Clone)]
pub(crate) struct Deployment {
    pub(crate) version: &'static str,
    pub(crate) config: Rc<Config>,
    pub(crate) stubs: Stubs,
}

impl Deployment {
    /// # Errors
    /// Names the variable that is missing or weak.
    pub(crate) fn new(env: &Env, version: &'static str) -> std::result::Result<Self, String> {
        thread_local!(static CONFIG: OnceCell<Rc<Config>> = const { OnceCell::new() });
        let config = CONFIG.with(|kept| match kept.get() {
            // Each `TestApp` has its own.
            Some(config) if cfg!(not(feature = "testing")) => Ok(config.clone()),
            _ => {
                let config = Rc::new(Config::read(env, version).map_err(|error| error.to_string())?);
                let _ = kept.set(Rc::clone(&config));
                Ok::<_, String>(config)
            }
        })?;
        let stubs = Stubs::new(env.clone(), version, Some(config.livemode));
        Ok(Self { version, config, stubs })
    }

    /// To the shard that knows what holds for the deployment as a whole.
    pub(crate) async fn noted<C: Command<To = Shard>>(&self, command: C) -> Result<C::Reply> {
        Ok(self.stubs.as_system(&Shard::of("deployment")).send(command).await?)
    }

    pub(crate) fn payment_link(&self, account: &AccountId) -> String {
        self.marked_payment_link(account, None)
    }

    /// The payment link of an account for a browser that leaves to pay, with its mark.
    pub(crate) fn marked_payment_link(&self, account: &AccountId, mark: Option<&str>) -> String {
        let reference = self.config.references.sign(account);
        match mark {
            Some(mark) => self.config.payment_link_for(&format!("{reference}-{mark}")),
            None => self.config.payment_link_for(&reference),
        }
    }
}

thread_local!(static VERSION: Cell<&'static str> = const { Cell::new("1") });
thread_local!(static TABLES: Cell<Tables> = const { Cell::new(&[]) });

/// The version that [`run_as`] remembers.
pub(crate) fn version() -> &'static str {
    VERSION.get()
}

/// The tables that `#[stripeflare::main]` lists.
pub(crate) fn tables() -> Tables {
    TABLES.get()
}

/// Remembers what `#[stripeflare::main]` says, for functions that see the environment alone.
pub(crate) fn run_as(version: &'static str, tables: Tables) {
    js::set_clock();
    VERSION.set(version);
    TABLES.set(tables);
}

/// What an account's object did since it woke up, for tests.
///
/// # Errors
/// When the object could not be asked.
pub async fn stats(env: &Env, account: &str) -> Result<Stats> {
    let deployment = Deployment::new(env, version()).map_err(std::io::Error::other)?;
    Ok(deployment.stubs.as_system(&account.parse::<AccountId>()?).send(ReadStats).await?)
}
