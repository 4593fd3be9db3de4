//! One call to an object, over RPC.

use std::time::Duration;

use js_sys::{Promise, Reflect};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use worker::Env;

use crate::js::{as_bytes, describe};
use crate::object::Unanswered;

/// The binding every deployment names in its wrangler.toml.
const BINDING: &str = "DORM_NAMESPACE";

#[wasm_bindgen(module = "/src/js/glue.js")]
extern "C" {
    #[wasm_bindgen(js_name = ask)]
    fn call(env: &Env, binding: &str, name: &str, message: &[u8], ms: u32) -> Promise;
}

/// Asks the object of this name, which may take so long; answers its bytes.
pub(super) async fn ask(env: &Env, name: &str, message: &[u8], within: Duration) -> Result<Vec<u8>, Unanswered> {
    let answer = JsFuture::from(call(env, BINDING, name, message, within.as_millis() as u32)).await;
    let answer = answer.map_err(|exception| unanswered(&exception))?;
    as_bytes(&answer).ok_or_else(|| {
        let cause = format!("no answer within {} s", within.as_secs());
        Unanswered { cause, again: false }
    })
}

fn unanswered(exception: &JsValue) -> Unanswered {
    // The runtime says so.
    let overloaded = Reflect::get(exception, &"overloaded".into()).is_ok_and(|is| is.is_truthy());
    Unanswered { cause: describe(exception), again: !overloaded }
}
