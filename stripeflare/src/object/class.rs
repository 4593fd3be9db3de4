use std::cell::Cell;
use std::marker::PhantomData;
use std::panic::AssertUnwindSafe;
use std::rc::Rc;

use js_sys::Promise;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::future_to_promise;
use worker::Env;
use worker::worker_sys::DurableObjectState;

use super::alarm::Alarm;
use super::client::Stubs;
use super::command::{Command, Envelope, Reply, Stats};
use super::merging;
use super::storage::Storage;
use crate::money::Cents;
use crate::schema::{Schema, StripeUser, migrate, role_of};
use crate::wallet::sweep::Sweep;
use crate::wallet::{
    Account, Claim, Denied, HoldId, IdempotencyKey, Millis, Refusal, Role, Settled, Wallet, WalletError, directory,
    find, guesses, outbox, unclaimed, unique,
};

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
    role: Cell<Option<Role>>,
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
        future_to_promise(AssertUnwindSafe(async move {
            inner.ring().await;
            Ok(JsValue::UNDEFINED)
        }))
    }
}

impl Inner {
    fn answer(&self, envelope: Envelope) -> Reply {
        let before = self.stats.get();
        let role = self.role.get();
        let result = self.storage.transaction(|| self.run(envelope, worker::Date::now().as_millis() as Millis));
        self.stats.set(Stats { commands: before.commands + 1, rows_written: self.storage.rows_written() });
        result.unwrap_or_else(|error| {
            // The tables and the alarm may have been made in the transaction that is gone.
            self.role.set(role);
            self.alarm.forget();
            Reply::Failed(error.to_string())
        })
    }

    fn run(&self, envelope: Envelope, now: Millis) -> Result<Reply, WalletError> {
        match envelope.command {
            Command::Stats => return Ok(Reply::Stats(self.stats.get())),
            Command::Unclaimed { unclaimed } => {
                self.set_up_aggregate(now)?;
                unclaimed::record_unclaimed(&self.storage, &unclaimed, now)?;
                return Ok(Reply::Done);
            }
            Command::Mirror { snapshot } => {
                self.set_up_aggregate(now)?;
                outbox::mirror(&self.storage, &self.schema, &snapshot)?;
                return Ok(Reply::Done);
            }
            Command::Assign { assignment } => {
                self.set_up_aggregate(now)?;
                let credit = unclaimed::assign(&self.storage, &assignment, now)?;
                if credit.is_ok() {
                    self.alarm.set_soon(&self.storage)?;
                }
                return Ok(Reply::Assigned(credit));
            }
            Command::Assigned { key, account, amount } => {
                self.set_up_aggregate(now)?;
                unclaimed::credited(&self.storage, &key, &account, amount)?;
                return Ok(Reply::Done);
            }
            Command::Unknown { keys } => {
                self.set_up_aggregate(now)?;
                return Ok(Reply::Unknown(unclaimed::unknown(&self.storage, &keys)?));
            }
            Command::Sweep => {
                self.set_up_aggregate(now)?;
                return Ok(Reply::Sweep(Sweep::load(&self.storage)?));
            }
            Command::Swept { sweep } => {
                self.set_up_aggregate(now)?;
                sweep.save(&self.storage)?;
                return Ok(Reply::Done);
            }
            Command::FindUsers { query } => {
                self.set_up_aggregate(now)?;
                return Ok(Reply::Page(find::find(&self.storage, &self.schema, &query)?));
            }
            Command::CountUsers { query } => {
                self.set_up_aggregate(now)?;
                return Ok(Reply::Count(find::count(&self.storage, &query)?));
            }
            Command::Look { statement, parameters, most } if self.role()? == Some(Role::Aggregate) => {
                return Ok(Reply::Looked(self.storage.look(&statement, &parameters, most)));
            }
            Command::Guess { source, right } => {
                self.set_up(Role::Directory)?;
                return Ok(Reply::Guess(guesses::guess(&self.storage, &source, right, now)?));
            }
            Command::Place { payment_intent, account } => {
                self.set_up(Role::Directory)?;
                let (account, parked) = directory::place(&self.storage, &payment_intent, &account)?;
                if !parked.is_empty() {
                    self.alarm.set_soon(&self.storage)?;
                }
                return Ok(Reply::Placed { account, parked });
            }
            Command::Find { payment_intent } => {
                self.set_up(Role::Directory)?;
                return Ok(Reply::Found(directory::find(&self.storage, &payment_intent)?));
            }
            Command::FindOrPark { payment_intent, reversal } => {
                self.set_up(Role::Directory)?;
                let found = directory::find_or_park(&self.storage, &payment_intent, &reversal, now)?;
                return Ok(Reply::Found(found));
            }
            Command::Unpark { payment_intent } => {
                self.set_up(Role::Directory)?;
                directory::unpark(&self.storage, &payment_intent)?;
                return Ok(Reply::Done);
            }
            ref command @ (Command::ClaimCard { .. }
            | Command::OwnerOf { .. }
            | Command::HandOn { .. }
            | Command::ForgetCard { .. }
            | Command::Bind { .. }) => {
                self.set_up(Role::Directory)?;
                return merging::in_directory(&self.storage, command, now);
            }
            Command::Transfer { account, transfer } => {
                self.set_up(Role::Account)?;
                let mut wallet = Wallet::load_or_register(&self.storage, &self.schema, now, &account)?;
                wallet.receive(&transfer)?;
                self.save(wallet)?;
                return Ok(Reply::Done);
            }
            Command::ClaimValue { key, account, instead_of } => {
                self.set_up(Role::Directory)?;
                return Ok(Reply::Owner(unique::claim(&self.storage, &key, &account, instead_of.as_ref(), now)?));
            }
            Command::FreeValue { key, account } => {
                self.set_up(Role::Directory)?;
                unique::free(&self.storage, &key, &account)?;
                return Ok(Reply::Done);
            }
            Command::Credit { credit } => {
                self.set_up(Role::Account)?;
                let mut wallet = Wallet::load_or_register(&self.storage, &self.schema, now, &credit.account)?;
                wallet.credit(&credit)?;
                self.save(wallet)?;
                return Ok(Reply::Done);
            }
            _ => {}
        }
        let Some(mut wallet) = self.existing(now)? else {
            // Only a first token can be one of an account that nobody has paid for.
            if envelope.token.is_some_and(|token| !token.first) {
                return Ok(Reply::Denied(Denied::Wrong));
            }
            return Ok(match envelope.command {
                Command::Settle => Reply::Done,
                Command::Read { account } => Reply::Row(Box::new(Account::unregistered(account, &self.schema))),
                _ => Reply::Refused(Refusal::Unregistered),
            });
        };
        wallet.expire()?;
        for ending in &envelope.endings {
            wallet.settle(ending)?;
        }
        if envelope.command.was_done(&wallet)? {
            self.save(wallet)?;
            return Ok(Reply::Done);
        }
        if let Some(token) = &envelope.token
            && let Err(denied) = wallet.authenticate(token)?
        {
            self.save(wallet)?;
            return Ok(Reply::Denied(denied));
        }
        if envelope.command.manages() && !wallet.may_manage() {
            self.save(wallet)?;
            return Ok(Reply::Denied(Denied::Rights));
        }
        if let Some(reply) = self.answer_token(&mut wallet, &envelope.command)? {
            self.save(wallet)?;
            return Ok(reply);
        }
        let reply = match envelope.command {
            Command::Reserve { hold, amount, seconds, row, key } => {
                return self.reserve(wallet, &hold, amount, seconds, row, key);
            }
            Command::Renew { hold, report, seconds } => Reply::Renewed(wallet.renew(&hold, &report, seconds)?),
            Command::End { ending, answer } => {
                let settled = wallet.settle(&ending)?;
                if let (Some(key), Some(answer), Settled::Captured) = (&ending.key, &answer, settled) {
                    wallet.keep(key, answer)?;
                }
                Reply::Ended { settled, available: wallet.available()? }
            }
            Command::Update { update } => {
                let made = wallet.update(&self.schema, &update)?;
                return Ok(Reply::Updated { made, row: Box::new(self.save(wallet)?) });
            }
            Command::Charge { charge } => match wallet.charge(&charge)? {
                Ok(charged) => Reply::Charged(charged),
                Err(refusal) => Reply::Refused(refusal),
            },
            Command::Read { .. } => return Ok(Reply::Row(Box::new(self.save(wallet)?))),
            Command::Look { statement, parameters, most } => {
                self.save(wallet)?;
                return Ok(Reply::Looked(self.storage.look(&statement, &parameters, most)));
            }
            Command::Reverse { payment_intent, reversal } => {
                wallet.reverse(&payment_intent, &reversal)?;
                Reply::Done
            }
            command => merging::in_account(&mut wallet, command)?,
        };
        self.save(wallet)?;
        Ok(reply)
    }

    fn reserve(
        &self,
        mut wallet: Wallet<'_>,
        hold: &HoldId,
        amount: Cents,
        seconds: u32,
        row: bool,
        key: Option<IdempotencyKey>,
    ) -> Result<Reply, WalletError> {
        let key = key.map(|key| wallet.of_caller(key));
        let claim = key.as_ref().map_or(Ok(Claim::Free), |key| wallet.claim(key, hold))?;
        if claim != Claim::Free {
            self.save(wallet)?;
            return Ok(Reply::Claimed(claim));
        }
        if let Err(refusal) = wallet.reserve(hold, amount, seconds)? {
            self.save(wallet)?;
            return Ok(Reply::Refused(refusal));
        }
        if let Some(key) = &key {
            wallet.name(key, hold)?;
        }
        let (available, token) = (wallet.available()?, wallet.capped_token());
        let account = self.save(wallet)?;
        Ok(Reply::Reserved { available, token, key: key.map(|key| key.key), row: row.then(|| Box::new(account)) })
    }

    /// Writes the row, and sees to it that the aggregate will hear of it and that reports of dead streams are charged.
    pub(super) fn save(&self, wallet: Wallet<'_>) -> Result<Account, WalletError> {
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

    fn set_up_aggregate(&self, now: Millis) -> Result<(), WalletError> {
        if self.role.get().is_none() {
            self.set_up(Role::Aggregate)?;
            Sweep::begin(&self.storage, now)?;
        }
        Ok(())
    }

    fn set_up(&self, role: Role) -> Result<(), WalletError> {
        if self.role.get().is_none() {
            migrate(&self.storage, role, &self.schema)?;
            self.role.set(Some(role));
        }
        Ok(())
    }
}
