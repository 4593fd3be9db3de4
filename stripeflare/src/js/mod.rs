//! What crosses to JavaScript and back.

pub(crate) mod requests;

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;

use js_sys::Promise;
use stripeflare_core::clock::{self, Millis};
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::future_to_promise;

/// What a future comes to. It is boxed, so that what runs futures is in a worker once and not once for each of them.
pub(crate) fn promise(future: impl Future<Output = Result<JsValue, JsValue>> + 'static) -> Promise {
    let future: Pin<Box<dyn Future<Output = Result<JsValue, JsValue>>>> = Box::pin(future);
    future_to_promise(AssertUnwindSafe(future))
}

/// A JavaScript exception as text.
pub(crate) fn describe(exception: &JsValue) -> String {
    use wasm_bindgen::JsCast;
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
    clock::set(|| worker::Date::now().as_millis() as Millis);
}
