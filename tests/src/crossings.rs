//! Counts how often a worker's WebAssembly and the JavaScript around it call each other.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::{DEADLINE, World};

/// Stands before the built module: whatever instance of WebAssembly it makes, each function that goes in or comes out counts
/// its calls. What goes on after a response is known by the promise that the runtime is asked to wait for.
const COUNTING: &str = r#"const crossings = {};
let unfinished = 0;
const counted = ([name, value]) => {
  if (typeof value !== "function") return [name, value];
  return [name, function (...parameters) {
    crossings[name] = (crossings[name] ?? 0) + 1;
    if (name.startsWith("__wbg_waitUntil_")) {
      unfinished += 1;
      parameters[1].finally(() => unfinished -= 1);
    }
    return value.apply(this, parameters);
  }];
};
const all = (functions) => Object.fromEntries(Object.entries(functions).map(counted));
const Instance = WebAssembly.Instance;
WebAssembly.Instance = function (module, imports) {
  const modules = Object.entries(imports).map(([from, functions]) => [from, all(functions)]);
  return { exports: all(new Instance(module, Object.fromEntries(modules)).exports) };
};
"#;

/// The counted worker with a route more, which it answers without a crossing.
fn telling(worker: &str) -> String {
    format!(
        r#"
class Telling extends {worker} {{
  fetch(request) {{
    if (new URL(request.url).pathname !== "/crossings") return super.fetch(request);
    return Response.json({{ crossings, unfinished }});
  }}
}}"#
    )
}

/// A copy of a `build` folder whose worker counts its crossings.
///
/// # Errors
/// When that is not as `cargo stripeflare build` leaves it.
pub fn counting(build: &Path) -> Result<TempDir> {
    let dir = tempfile::tempdir()?;
    fs::copy(build.join("index_bg.wasm"), dir.path().join("index_bg.wasm"))?;
    let script = fs::read_to_string(build.join("index.js"))?;
    let (before, exports) = script.rsplit_once("export{").context("the module exports")?;
    let worker = exports.split_once(" as default").context("the module has a default export")?.0;
    let worker = worker.rsplit(',').next().unwrap_or(worker);
    let exports = exports.replace(&format!("{worker} as default"), "Telling as default");
    fs::write(dir.path().join("index.js"), format!("{COUNTING}{before}{}\nexport{{{exports}", telling(worker)))?;
    Ok(dir)
}

/// How often each function was called since the worker started, by its name, once all that calls left to be done is done.
///
/// # Panics
/// When the worker is no [`counting`] one, or that takes longer than [`DEADLINE`].
pub async fn crossings(world: &World) -> BTreeMap<String, u64> {
    let finished = async {
        loop {
            let told = world.visit("/crossings").await.json();
            if told["unfinished"] == 0 {
                return told["crossings"].clone();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let counts = tokio::time::timeout(DEADLINE, finished).await.expect("whatever goes on ends");
    serde_json::from_value(counts).expect("counts")
}
