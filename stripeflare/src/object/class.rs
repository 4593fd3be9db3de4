use std::cell::Cell;
use std::panic::AssertUnwindSafe;
use std::rc::Rc;

use js_sys::{Promise, Uint8Array};
use stripeflare_core::account::{Memory, Receipt};
use stripeflare_core::clock;
use stripeflare_core::clock::Millis;
use stripeflare_core::error::WalletError;
use stripeflare_core::protocol::codec::PROTOCOL;
use stripeflare_core::protocol::{
    self, AccountCommand, AnyCommand, Envelope, NEARLY_FULL, NotDone, Stats, codec, is_live_name, kept_livemode,
};
use stripeflare_core::read_only_sql::Table;
use stripeflare_core::schema::Schema;
use stripeflare_core::sql::{Sql, SqlError, Value};
use stripeflare_core::stripe::configured;
use stripeflare_core::tables::Role;
use wasm_bindgen::prelude::*;
use worker::Env;
use worker::worker_sys::DurableObjectState;

use crate::js;
use crate::js::log_error;
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
pub struct Object {
    inner: Option<AssertUnwindSafe<Rc<Inner>>>,
}

pub(super) struct Inner {
    pub(super) storage: Storage,
    pub(super) schema: Schema,
    /// To other objects of its mode, from the alarm.
    pub(super) stubs: Stubs,
    /// What `STRIPE_CURRENCY` says.
    pub(super) currency: String,
    /// As its name says, where the runtime tells it.
    livemode: Option<bool>,
    /// Once the tables are there and of this deploy's version.
    pub(super) role: Cell<Option<Role>>,
    pub(super) alarm: Alarm,
    pub(super) memory: Memory,
    /// When it wakes the object up for what is pending.
    pub(super) timer: Cell<Option<Millis>>,
    stats: Cell<Stats>,
    /// Whether it was, after so many commands.
    nearly_full: Cell<Option<(bool, u64)>>,
}

/// Commands after which an object looks again how large it is: in so many it does not fill what is kept free.
const LOOK_AFTER: u64 = 256;

impl Object {
    /// An instance that only lends its class.
    #[must_use]
    pub fn unattached() -> Self {
        Self { inner: None }
    }

    /// Called by the runtime whenever the object wakes up; it does nothing that could fail later.
    #[must_use]
    pub fn new(version: &'static str, schema: Schema, state: &DurableObjectState, env: &Env) -> Self {
        let storage = Storage::new(state).expect("a Durable Object with SQLite storage");
        let name = state.id().ok().and_then(|id| id.name());
        let inner = Inner::new(version, schema, storage, env, name.as_deref());
        Self { inner: Some(AssertUnwindSafe(Rc::new(inner))) }
    }

    /// One command and its answer, as bytes.
    #[must_use]
    pub fn call(&self, message: &Uint8Array) -> Uint8Array {
        let inner = self.inner.as_ref().expect("an attached object");
        let answer = inner.call(&message.to_vec());
        inner.arm(clock::now());
        // A copy: a view would send all of our memory along.
        Uint8Array::from(answer.as_slice())
    }

    /// What is due later: it never fails, because the runtime gives up on an alarm that does.
    pub fn alarm(&self) -> Promise {
        let inner = Rc::clone(self.inner.as_ref().expect("an attached object"));
        js::promise(async move {
            inner.ring().await;
            inner.arm(clock::now());
            Ok(JsValue::UNDEFINED)
        })
    }
}

impl Inner {
    fn new(version: &'static str, schema: Schema, storage: Storage, env: &Env, name: Option<&str>) -> Self {
        js::set_clock();
        let livemode = name.map(is_live_name);
        // Not the mode of the keys that are there now: what test mode left to do is none of live mode's business.
        let known = livemode.or_else(|| kept_livemode(&storage));
        Self {
            stubs: Stubs::new(env.clone(), version, known),
            currency: configured(js::variable(env, "STRIPE_CURRENCY").as_deref()),
            livemode,
            storage,
            schema,
            role: Cell::new(None),
            alarm: Alarm::default(),
            memory: Memory::default(),
            timer: Cell::default(),
            stats: Cell::default(),
            nearly_full: Cell::default(),
        }
    }

    /// The object of this name in an application's own test.
    #[cfg(feature = "testing")]
    pub(super) fn in_memory(version: &'static str, schema: Schema, env: &Env, name: &str) -> Self {
        Self::new(version, schema, Storage::in_memory(), env, Some(name))
    }

    pub(super) fn call(&self, message: &[u8]) -> Vec<u8> {
        match PROTOCOL.read_message(message) {
            Ok((envelope, number)) => {
                let (receipt, answer) = self.answer(&envelope);
                PROTOCOL.answer(number, &envelope.command, receipt, answer)
            }
            Err(cannot_read) => cannot_read,
        }
    }

    fn answer(&self, envelope: &Envelope) -> (Receipt, Vec<u8>) {
        let now = clock::now();
        let answer = match protocol::answer_from_memory(self, envelope, now) {
            Some(answer) => Ok(answer),
            None => self.transaction(|| protocol::answer(self, envelope, now)),
        };
        let Stats { commands, .. } = self.stats.get();
        // Whoever counts is not counted.
        let one = !matches!(envelope.command, AnyCommand::Account(AccountCommand::ReadStats(_)));
        let rows_written = self.storage.rows_written();
        self.stats.set(Stats { commands: commands + u64::from(one), rows_written, unsettled: 0 });
        (self.memory.receipt(), answer.unwrap_or_else(|cause| codec::not_done(&NotDone::Failed(cause))))
    }

    /// Runs `act` in one transaction; an error leaves nothing of it, in memory neither.
    pub(super) fn transaction<T>(&self, act: impl FnOnce() -> Result<T, WalletError>) -> Result<T, String> {
        let role = self.role.get();
        self.memory.attempt(|| self.storage.transaction(act)).map_err(|error| {
            // The tables and the alarm may have been made in the transaction that is gone.
            self.role.set(role);
            self.alarm.forget();
            self.memory.forget();
            error.to_string()
        })
    }
}

impl protocol::Object for Inner {
    fn sql(&self) -> &dyn Sql {
        &self.storage
    }

    fn schema(&self) -> &Schema {
        &self.schema
    }

    fn currency(&self) -> &str {
        &self.currency
    }

    fn livemode(&self) -> Option<bool> {
        self.livemode
    }

    fn memory(&self) -> &Memory {
        &self.memory
    }

    fn known_role(&self) -> &Cell<Option<Role>> {
        &self.role
    }

    fn look(&self, statement: &str, parameters: &[Value], most: u32) -> Result<Table, String> {
        self.storage.look(statement, parameters, most)
    }

    fn ring_by(&self, at: Millis) -> Result<(), SqlError> {
        self.alarm.set(&self.storage, at)
    }

    fn ring_soon(&self) -> Result<(), SqlError> {
        self.alarm.set_soon(&self.storage)
    }

    fn stats(&self) -> Stats {
        self.stats.get()
    }

    fn is_nearly_full(&self) -> Result<bool, SqlError> {
        let commands = self.stats.get().commands;
        if let Some((known, after)) = self.nearly_full.get()
            && commands < after + LOOK_AFTER
        {
            return Ok(known);
        }
        let is = self.storage.size()? >= NEARLY_FULL;
        if is {
            log_error("an account's object stores nearly as much as it may: calls that cost something are refused");
        }
        self.nearly_full.set(Some((is, commands)));
        Ok(is)
    }
}
