use std::cell::Cell;
use std::marker::PhantomData;
use std::panic::AssertUnwindSafe;
use std::rc::Rc;

use js_sys::Promise;
use stripeflare_core::account::{AccountRow, Wallet};
use stripeflare_core::clock;
use stripeflare_core::clock::Millis;
use stripeflare_core::error::WalletError;
use stripeflare_core::protocol::{Command, Envelope, Reply, Stats};
use stripeflare_core::schema::{Schema, StripeUser, migrate, role_of};
use stripeflare_core::tables::Role;
use wasm_bindgen::prelude::*;
use worker::Env;
use worker::worker_sys::DurableObjectState;

use crate::js;
use crate::object::Stubs;
use crate::object::alarm::plan::Alarm;
use crate::object::storage::Storage;

#[wasm_bindgen(inline_js = r#"
import { DurableObject } from "cloudflare:workers";
export function extend(instance) {
    const ours = instance.constructor;
    Object.setPrototypeOf(ours.prototype, DurableObject.prototype);
    Object.setPrototypeOf(ours, DurableObject);
}"#)]
extern "C" {
    fn extend(instance: &JsValue);
}

/// Makes the exported class a `DurableObject`: the runtime offers its methods over RPC only then.
pub fn extend_durable_object(instance: &JsValue) {
    extend(instance);
}

/// What the exported class `DORM` holds: one account, a directory shard or the aggregate, as its name says.
pub struct Object<U> {
    inner: Option<AssertUnwindSafe<Rc<Inner>>>,
    user: PhantomData<fn() -> U>,
}

pub(super) struct Inner {
    pub(super) storage: Storage,
    pub(super) schema: Schema,
    /// To other objects, from the alarm.
    pub(super) stubs: Stubs,
    /// Once the tables are there and of this deploy's version.
    pub(super) role: Cell<Option<Role>>,
    pub(super) alarm: Alarm,
    stats: Cell<Stats>,
}

impl<U: StripeUser> Object<U> {
    /// An instance that only lends its class.
    #[must_use]
    pub fn unattached() -> Self {
        Self { inner: None, user: PhantomData }
    }

    /// Called by the runtime whenever the object wakes up; it does nothing that could fail later.
    #[must_use]
    pub fn new(version: &'static str, state: &DurableObjectState, env: &Env) -> Self {
        js::set_clock();
        let storage = Storage::new(state).expect("a Durable Object with SQLite storage");
        let schema = Schema::of::<U>();
        let inner = Inner {
            storage,
            schema,
            stubs: Stubs::new(env.clone(), version),
            role: Cell::new(None),
            alarm: Alarm::default(),
            stats: Cell::default(),
        };
        Self { inner: Some(AssertUnwindSafe(Rc::new(inner))), user: PhantomData }
    }

    /// One command, JSON in and out.
    #[must_use]
    pub fn call(&self, command: &str) -> String {
        let inner = self.inner.as_ref().expect("an attached object");
        let reply = match serde_json::from_str::<Envelope>(command) {
            Ok(envelope) => inner.answer(envelope),
            Err(error) => Reply::Failed(format!("a command nobody understands: {error}")),
        };
        serde_json::to_string(&reply).expect("replies are plain JSON")
    }

    /// What is due later: it never fails, because the runtime gives up on an alarm that does.
    pub fn alarm(&self) -> Promise {
        let inner = Rc::clone(self.inner.as_ref().expect("an attached object"));
        js::promise(async move {
            inner.ring().await;
            Ok(JsValue::UNDEFINED)
        })
    }
}

impl Inner {
    fn answer(&self, envelope: Envelope) -> Reply {
        let before = self.stats.get();
        let result = self.transaction(|| self.run(envelope, clock::now()));
        self.stats.set(Stats { commands: before.commands + 1, rows_written: self.storage.rows_written() });
        result.unwrap_or_else(Reply::Failed)
    }

    /// Runs `act` in one transaction; an error leaves nothing of it, in memory neither.
    pub(super) fn transaction<T>(&self, act: impl FnOnce() -> Result<T, WalletError>) -> Result<T, String> {
        let role = self.role.get();
        self.storage.transaction(act).map_err(|error| {
            // The tables and the alarm may have been made in the transaction that is gone.
            self.role.set(role);
            self.alarm.forget();
            error.to_string()
        })
    }

    fn run(&self, envelope: Envelope, now: Millis) -> Result<Reply, WalletError> {
        let Envelope { endings, token, command } = envelope;
        match command {
            Command::Account(command) => self.answer_as_account(&endings, token.as_ref(), command, now),
            Command::Directory(command) => self.answer_as_directory(command, now),
            Command::Aggregate(command) => self.answer_as_aggregate(command, now),
            Command::Stats => Ok(Reply::Stats(self.stats.get())),
        }
    }

    /// Writes the row, and sees to it that the aggregate will hear of it and that reports of dead streams are charged.
    pub(super) fn save(&self, wallet: Wallet<'_>) -> Result<AccountRow, WalletError> {
        let account = wallet.save()?;
        if account.is_unsent() {
            self.alarm.set_soon(&self.storage)?;
        }
        if let Some(at) = account.next_expiry() {
            self.alarm.set(&self.storage, at)?;
        }
        Ok(account)
    }

    /// The account, unless nobody has paid yet: then nothing is written, no table either.
    pub(super) fn existing(&self, now: Millis) -> Result<Option<Wallet<'_>>, WalletError> {
        if self.role()? != Some(Role::Account) {
            return Ok(None);
        }
        Wallet::load(&self.storage, &self.schema, now)
    }

    /// What this object is, with its tables brought up to date; `None` before it was ever written to.
    pub(super) fn role(&self) -> Result<Option<Role>, WalletError> {
        if self.role.get().is_none()
            && let Some(role) = role_of(&self.storage)?
        {
            self.set_up(role)?;
        }
        Ok(self.role.get())
    }

    pub(super) fn set_up(&self, role: Role) -> Result<(), WalletError> {
        if self.role.get().is_none() {
            migrate(&self.storage, role, &self.schema)?;
            self.role.set(Some(role));
        }
        Ok(())
    }
}
