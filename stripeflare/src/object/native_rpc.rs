//! In place of [RPC](rpc.rs), for an application's own tests: the objects of one test, by their names.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use stripeflare_core::clock::now;
use stripeflare_core::schema::Schema;
use tokio::time::{Instant, sleep_until};
use worker::Env;

use crate::object::Unanswered;
use crate::object::class::Inner;

thread_local! {
    static OBJECTS: RefCell<Option<Rc<Objects>>> = const { RefCell::new(None) };
}

/// The objects of one deployment.
pub(crate) struct Objects {
    version: &'static str,
    schema: Schema,
    env: Env,
    awake: RefCell<BTreeMap<String, Rc<Inner>>>,
}

impl Objects {
    pub(crate) fn new(version: &'static str, schema: Schema, env: Env) -> Self {
        Self { version, schema, env, awake: RefCell::default() }
    }

    /// From here on this thread asks them.
    pub(crate) fn enter(self: &Rc<Self>) {
        OBJECTS.set(Some(Rc::clone(self)));
    }

    fn object(&self, name: &str) -> Rc<Inner> {
        let new = || Rc::new(Inner::in_memory(self.version, self.schema, &self.env, name));
        Rc::clone(self.awake.borrow_mut().entry(name.to_owned()).or_insert_with(new))
    }

    /// Lets time pass; alarms ring meanwhile.
    pub(crate) async fn pass(&self, time: Duration) {
        let until = Instant::now() + time;
        loop {
            let awake: Vec<_> = self.awake.borrow().values().cloned().collect();
            let next =
                awake.iter().filter_map(|object| Some((object.storage.alarm()?, object))).min_by_key(|next| next.0);
            let Some((at, object)) = next else { break };
            let rings = Instant::now() + Duration::from_millis(u64::try_from(at - now()).unwrap_or_default());
            if rings > until {
                break;
            }
            sleep_until(rings).await;
            object.storage.forget_alarm();
            object.ring().await;
        }
        sleep_until(until).await;
    }
}

/// Asks the object of this name; answers its bytes.
#[expect(clippy::unused_async, reason = "over RPC it takes its time")]
pub(super) async fn ask(_env: &Env, name: &str, message: &[u8], _within: Duration) -> Result<Vec<u8>, Unanswered> {
    let objects = OBJECTS.with_borrow(Clone::clone);
    let alone = || Unanswered { cause: "there are no objects outside of a `TestApp`".into(), again: false };
    Ok(objects.ok_or_else(alone)?.object(name).call(message))
}
