//! In place of [the Workers runtime](runtime.rs), for an application's own tests: time passes only when somebody waits for it,
//! and what a request leaves behind runs in its test.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::Future;
use std::rc::Rc;
use std::time::Duration;

use stripeflare_core::clock::{self, Millis};
use tokio::runtime::Handle;
use tokio::time::Instant;
use worker::Env;
use worker::worker_sys::Context as JsContext;

thread_local! {
    static SURROUNDINGS: RefCell<Option<Rc<Surroundings>>> = const { RefCell::new(None) };
}

/// What a test gives its worker.
pub(crate) struct Surroundings {
    pub(crate) variables: BTreeMap<String, String>,
    /// What time it was when the test began, by both clocks.
    pub(crate) begun: (Millis, Instant),
}

/// From here on this thread is in them.
pub(crate) fn enter(surroundings: &Rc<Surroundings>) {
    SURROUNDINGS.set(Some(Rc::clone(surroundings)));
}

/// What the runtime would have given us with one request.
#[derive(Default)]
pub(crate) struct Host;

impl Host {
    /// There is no runtime that would call for it.
    pub(crate) fn new(_context: Rc<JsContext>, _request: web_sys::Request) -> Self {
        Self
    }

    /// The test waits for it before it looks at the answer.
    pub(crate) fn wait_until(&self, future: impl Future<Output = ()> + 'static) {
        tokio::task::spawn_local(future);
    }

    /// Nobody knows here.
    pub(crate) fn cf(&self) -> Option<worker::Cf> {
        None
    }

    /// No client leaves here.
    pub(crate) fn departure(&self, left: impl Fn() + 'static) -> Departure {
        Departure { _listener: Box::new(left) }
    }
}

pub(crate) struct Departure {
    _listener: Box<dyn Fn()>,
}

pub(crate) fn sleep(time: Duration) -> impl Future<Output = ()> {
    tokio::time::sleep(time)
}

pub(crate) fn log_error(cause: impl std::fmt::Display) {
    eprintln!("{cause}");
}

pub(crate) fn variable(_env: &Env, name: &str) -> Option<String> {
    SURROUNDINGS.with_borrow(|known| known.as_ref()?.variables.get(name).cloned())
}

pub(crate) fn set_clock() {
    clock::set(|| match SURROUNDINGS.with_borrow(|known| known.as_ref().map(|known| known.begun)) {
        // Outside of the runtime, time does not stand still.
        Some((at, since)) if Handle::try_current().is_ok() => at + since.elapsed().as_millis() as Millis,
        _ => clock::system(),
    });
}
