//! What crosses to JavaScript and back.

pub(crate) mod requests;
pub(crate) mod values;

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;

use js_sys::Promise;
use stripeflare_core::clock::{self, Millis};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::future_to_promise;

#[wasm_bindgen(module = "/src/js/glue.js")]
extern "C" {
    /// The bytes of what came as such.
    #[wasm_bindgen(js_name = asBytes)]
    pub(crate) fn as_bytes(value: &JsValue) -> Option<Vec<u8>>;
}

/// What a future comes to. It is boxed, so that what runs futures is in a worker once and not once for each of them.
pub(crate) fn promise(future: impl Future<Output = Result<JsValue, JsValue>> + 'static) -> Promise {
    let future: Pin<Box<dyn Future<Output = Result<JsValue, JsValue>>>> = Box::pin(future);
    future_to_promise(AssertUnwindSafe(future))
}

/// Listens for the client of a request to leave, for as long as it lives. The runtime tells with the compatibility flag
/// `enable_request_signal`.
pub(crate) struct Departure {
    signal: web_sys::AbortSignal,
    _listener: Closure<dyn Fn()>,
}

impl Departure {
    pub(crate) fn of(request: &web_sys::Request, left: impl Fn() + 'static) -> Self {
        let signal = request.signal();
        if signal.aborted() {
            left();
        }
        let listener = Closure::own_assert_unwind_safe(left);
        signal.set_onabort(Some(listener.as_js_value().unchecked_ref()));
        Self { signal, _listener: listener }
    }
}

impl Drop for Departure {
    fn drop(&mut self) {
        self.signal.set_onabort(None);
    }
}

/// A JavaScript exception as text.
pub(crate) fn describe(exception: &JsValue) -> String {
    match exception.dyn_ref::<js_sys::Error>() {
        Some(error) => error.message().into(),
        None => exception.as_string().unwrap_or_else(|| "an exception that is no Error".to_owned()),
    }
}

/// Where the operator sees it; an application's own tests have no console.
pub(crate) fn log_error(cause: impl std::fmt::Display) {
    #[cfg(target_arch = "wasm32")]
    worker::console_error!("{cause}");
    #[cfg(not(target_arch = "wasm32"))]
    eprintln!("{cause}");
}

/// A variable of the worker, as it is written.
pub(crate) fn variable(env: &worker::Env, name: &str) -> Option<String> {
    js_sys::Reflect::get(env, &wasm_bindgen::JsValue::from_str(name)).ok()?.as_string()
}

/// Tells the time by the worker's clock, which stands still while nothing is awaited.
pub(crate) fn set_clock() {
    clock::set(|| js_sys::Date::now() as Millis);
}
