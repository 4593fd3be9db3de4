//! What crosses to JavaScript and back.

pub(crate) mod requests;
pub(crate) mod responses;
#[cfg_attr(feature = "testing", allow(dead_code, reason = "tests have no storage of the runtime's"))]
pub(crate) mod values;
// Tests have no workerd around them.
#[cfg_attr(feature = "testing", path = "native.rs")]
pub(crate) mod runtime;

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;

use js_sys::Promise;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::future_to_promise;
use worker::worker_sys::Context as JsContext;

pub(crate) use self::runtime::{Departure, Host, log_error, set_clock, sleep, variable};

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

/// The runtime does not end what runs for a request before this is done, or 30 s after its client left.
pub(crate) fn wait_for(context: &JsContext, promise: &Promise) {
    if let Err(exception) = context.wait_until(promise) {
        // It runs all the same, only nothing keeps the worker alive for it.
        log_error(format_args!("waitUntil: {}", describe(&exception)));
    }
}

/// A JavaScript exception as text.
pub(crate) fn describe(exception: &JsValue) -> String {
    match exception.dyn_ref::<js_sys::Error>() {
        Some(error) => error.message().into(),
        None => exception.as_string().unwrap_or_else(|| "an exception that is no Error".to_owned()),
    }
}
