use std::cell::Cell;
use std::marker::PhantomData;
use std::panic::AssertUnwindSafe;

use js_sys::Promise;
use wasm_bindgen::prelude::*;
use worker::Env;
use worker::worker_sys::DurableObjectState;

use super::command::{Command, Envelope, Reply, Stats};
use super::storage::Storage;
use crate::money::Cents;
use crate::schema::{Schema, StripeUser, is_set_up, migrate};
use crate::wallet::{
    Account, Claim, HoldId, IdempotencyKey, Millis, Settled, Wallet, WalletError, directory, record_unclaimed,
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
    inner: Option<AssertUnwindSafe<Inner>>,
    user: PhantomData<fn() -> U>,
}

struct Inner {
    storage: Storage,
    schema: Schema,
    /// The tables are there and of this deploy's version.
    migrated: Cell<bool>,
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
    pub fn new(state: &DurableObjectState, _env: &Env) -> Self {
        let storage = Storage::new(state).expect("a Durable Object with SQLite storage");
        let schema = Schema::of::<U>();
        let inner = Inner { storage, schema, migrated: Cell::new(false), stats: Cell::default() };
        Self { inner: Some(AssertUnwindSafe(inner)), user: PhantomData }
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

    /// The alarm.
    pub fn alarm(&self) -> Promise {
        Promise::resolve(&JsValue::UNDEFINED)
    }
}

impl Inner {
    fn answer(&self, envelope: Envelope) -> Reply {
        let before = self.stats.get();
        let migrated = self.migrated.get();
        let result = self.storage.transaction(|| self.run(envelope, worker::Date::now().as_millis() as Millis));
        self.stats.set(Stats { commands: before.commands + 1, rows_written: self.storage.rows_written() });
        result.unwrap_or_else(|error| {
            // The tables may have been made in the transaction that is gone.
            self.migrated.set(migrated);
            Reply::Failed(error.to_string())
        })
    }

    fn run(&self, envelope: Envelope, now: Millis) -> Result<Reply, WalletError> {
        match envelope.command {
            Command::Stats => return Ok(Reply::Stats(self.stats.get())),
            Command::Unclaimed { unclaimed } => {
                record_unclaimed(&self.storage, &unclaimed, now)?;
                return Ok(Reply::Done);
            }
            Command::Place { payment_intent, account } => {
                return Ok(Reply::Parked(directory::place(&self.storage, &payment_intent, &account)?));
            }
            Command::FindOrPark { payment_intent, reversal } => {
                let found = directory::find_or_park(&self.storage, &payment_intent, &reversal, now)?;
                return Ok(Reply::Found(found));
            }
            Command::Unpark { payment_intent } => {
                directory::unpark(&self.storage, &payment_intent)?;
                return Ok(Reply::Done);
            }
            Command::Credit { credit } => {
                self.set_up()?;
                let mut wallet = Wallet::load_or_register(&self.storage, &self.schema, now, &credit.account)?;
                wallet.credit(&credit)?;
                wallet.save()?;
                return Ok(Reply::Done);
            }
            _ => {}
        }
        let Some(mut wallet) = self.existing(now)? else {
            return Ok(match envelope.command {
                Command::Settle => Reply::Done,
                Command::Read { account } => {
                    Reply::Row(Box::new(Account::unregistered(account, self.schema.initial_row())))
                }
                _ => Reply::Refused(crate::wallet::Refusal::Unregistered),
            });
        };
        for ending in &envelope.endings {
            wallet.settle(ending)?;
        }
        let reply = match envelope.command {
            Command::Reserve { hold, amount, seconds, row, key } => {
                return reserve(wallet, &hold, amount, seconds, row, key.as_ref());
            }
            Command::End { ending, answer } => {
                let settled = wallet.settle(&ending)?;
                if let (Some(key), Some(answer), Settled::Captured) = (&ending.key, &answer, settled) {
                    wallet.keep(key, answer)?;
                }
                Reply::Ended { settled, available: wallet.available()? }
            }
            Command::Charge { charge } => match wallet.charge(&charge)? {
                Ok(charged) => Reply::Charged(charged),
                Err(refusal) => Reply::Refused(refusal),
            },
            Command::Read { .. } => return Ok(Reply::Row(Box::new(wallet.save()?))),
            Command::Reverse { payment_intent, reversal } => {
                if !wallet.reverse(&payment_intent, &reversal)? {
                    return Ok(Reply::Failed("the directory names this account for a payment it does not have".into()));
                }
                Reply::Done
            }
            _ => Reply::Done,
        };
        wallet.save()?;
        Ok(reply)
    }

    /// The account, unless nobody has paid yet: then nothing is written, no table either.
    fn existing(&self, now: Millis) -> Result<Option<Wallet<'_>>, WalletError> {
        if !self.migrated.get() {
            if !is_set_up(&self.storage)? {
                return Ok(None);
            }
            self.set_up()?;
        }
        Wallet::load(&self.storage, &self.schema, now)
    }

    fn set_up(&self) -> Result<(), WalletError> {
        if !self.migrated.get() {
            migrate(&self.storage, &self.schema)?;
            self.migrated.set(true);
        }
        Ok(())
    }
}

fn reserve(
    mut wallet: Wallet<'_>,
    hold: &HoldId,
    amount: Cents,
    seconds: u32,
    row: bool,
    key: Option<&IdempotencyKey>,
) -> Result<Reply, WalletError> {
    let claim = key.map_or(Ok(Claim::Free), |key| wallet.claim(key, hold))?;
    if claim != Claim::Free {
        wallet.save()?;
        return Ok(Reply::Claimed(claim));
    }
    if let Err(refusal) = wallet.reserve(hold, amount, seconds)? {
        wallet.save()?;
        return Ok(Reply::Refused(refusal));
    }
    if let Some(key) = key {
        wallet.name(key, hold)?;
        wallet.forget_answers()?;
    }
    let available = wallet.available()?;
    let account = wallet.save()?;
    Ok(Reply::Reserved { available, row: row.then(|| Box::new(account)) })
}
