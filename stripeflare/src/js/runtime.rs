//! What the Workers runtime does for a request and for an object.

use std::future::Future;
use std::rc::Rc;
use std::time::Duration;

use stripeflare_core::clock::{self, Millis};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use worker::worker_sys::Context as JsContext;
use worker::{Delay, Env};

use crate::js::{promise, wait_for};

/// What the runtime gave us with one request.
pub(crate) struct Host {
    context: Rc<JsContext>,
    request: web_sys::Request,
}

impl Host {
    pub(crate) fn new(context: Rc<JsContext>, request: web_sys::Request) -> Self {
        Self { context, request }
    }

    /// Lets a future run on after the response has left.
    pub(crate) fn wait_until(&self, future: impl Future<Output = ()> + 'static) {
        let promise = promise(async move {
            future.await;
            Ok(JsValue::UNDEFINED)
        });
        wait_for(&self.context, &promise);
    }

    /// What it says of where the request came from.
    pub(crate) fn cf(&self) -> Option<worker::Cf> {
        worker::Request::from(Clone::clone(&self.request)).cf().cloned()
    }

    /// Listens for the client to leave, for as long as what it answers lives. The runtime tells with the compatibility flag
    /// `enable_request_signal`.
    pub(crate) fn departure(&self, left: impl Fn() + 'static) -> Departure {
        let signal = self.request.signal();
        if signal.aborted() {
            left();
        }
        let listener = Closure::own_assert_unwind_safe(left);
        signal.set_onabort(Some(listener.as_js_value().unchecked_ref()));
        Departure { signal, _listener: listener }
    }
}

pub(crate) struct Departure {
    signal: web_sys::AbortSignal,
    _listener: Closure<dyn Fn()>,
}

impl Drop for Departure {
    fn drop(&mut self) {
        self.signal.set_onabort(None);
    }
}

pub(crate) fn sleep(time: Duration) -> impl Future<Output = ()> {
    Delay::from(time)
}

/// Where the operator sees it; an application's own tests have no console.
pub(crate) fn log_error(cause: impl std::fmt::Display) {
    #[cfg(target_arch = "wasm32")]
    worker::console_error!("{cause}");
    #[cfg(not(target_arch = "wasm32"))]
    eprintln!("{cause}");
}

/// A variable of the worker, as it is written.
pub(crate) fn variable(env: &Env, name: &str) -> Option<String> {
    js_sys::Reflect::get(env, &JsValue::from_str(name)).ok()?.as_string()
}

/// Tells the time by the worker's clock, which stands still while nothing is awaited.
pub(crate) fn set_clock() {
    clock::set(|| js_sys::Date::now() as Millis);
}
