//! What the runtime does at Cloudflare and not here, played by JavaScript around the worker.

use std::os::unix::fs::symlink;

use anyhow::{Context, Result};
use cargo_stripeflare::stripe::StandInOptions;
use cargo_stripeflare::workerd::{Script, WorkerdOptions};
use reqwest::Method;
use tests::{World, built};

/// Starts the worker behind an entry point that extends its own, which the script calls `ENTRY`.
async fn behind(front: &str) -> Result<World> {
    let dir = tokio::task::spawn_blocking(|| built("tests/worker")).await??;
    let script = std::fs::read_to_string(dir.join("index.js"))?;
    let (code, exports) = script.rsplit_once("export").context("exports")?;
    let name = |of: &str| exports.split(['{', '}', ',']).find_map(|part| part.trim().strip_suffix(of)).map(str::trim);
    let (object, entry) = (name("as DORM").context("the class")?, name("as default").context("the entry point")?);
    let front = front.replace("ENTRY", entry);
    let around = tempfile::tempdir()?;
    std::fs::write(
        around.path().join("index.js"),
        format!("{code}{front}\nexport {{ {object} as DORM, Front as default }};"),
    )?;
    symlink(dir.join("index_bg.wasm"), around.path().join("index_bg.wasm"))?;
    let set = |options: &mut WorkerdOptions| {
        options.script = Script::Built(around.path().to_owned());
        Ok(())
    };
    World::set_up("tests/worker", StandInOptions::default(), &[], set).await
}

/// Tells what was given to `waitUntil` before anything else ran, and how that stood while the handler ran and after it:
/// whatever a request runs for a client that has left is cancelled, but for that.
const WATCH: &str = r#"
class Front extends ENTRY {
  async fetch(request) {
    const handed = [], { ctx } = this;
    const watched = { waitUntil(promise) { handed.push(promise); ctx.waitUntil(promise); } };
    const answer = super.fetch.call(Object.create(this, { ctx: { value: watched } }), request);
    const [whole] = handed;
    const stands = (ms) => Promise.race([
      Promise.resolve(whole).then(() => "over", () => "failed"),
      new Promise((resolve) => setTimeout(resolve, ms, "runs")),
    ]);
    const during = await stands(200);
    const response = new Response((await answer).body, await answer);
    response.headers.set("x-whole", `${whole ? "handed" : "kept"} ${during} ${await stands(2000)}`);
    return response;
  }
}"#;

#[tokio::test]
async fn the_whole_answer_lives_on_when_its_client_has_left() -> Result<()> {
    let world = behind(WATCH).await?;
    let customer = world.customer(50).await?;
    for path in ["/slow?ms=800", "/outlive?ms=800"] {
        let reply = world.get(&customer, path).await;
        assert_eq!((reply.status, reply.header("x-whole").as_str()), (200, "handed runs over"), "{path}");
    }
    Ok(())
}

/// Objects that answer nothing but an exception, of the kind that a header names.
const OVERLOADED: &str = r#"
class Front extends ENTRY {
  async fetch(request) {
    const fault = request.headers.get("x-fault");
    if (!fault) return super.fetch(request);
    let asked = 0;
    const stub = { call() { asked++; return Promise.reject(Object.assign(new Error(fault), { [fault]: true })); } };
    class DurableObjectNamespace { getByName() { return stub; } }
    const env = { ...this.env, DORM_NAMESPACE: new DurableObjectNamespace() };
    const answer = await super.fetch.call(Object.create(this, { env: { value: env } }), request);
    const response = new Response(answer.body, answer);
    response.headers.set("x-asked", String(asked));
    return response;
  }
}"#;

#[tokio::test]
async fn an_object_that_has_too_much_to_do_is_asked_once() -> Result<()> {
    let world = behind(OVERLOADED).await?;
    let customer = world.customer(50).await?;
    for (fault, asked) in [("overloaded", "1"), ("retryable", "3")] {
        let request = world.request(Method::GET, "/ok").bearer_auth(&customer.token).header("x-fault", fault);
        let reply = world.send(request).await;
        assert_eq!((reply.status, reply.header("x-asked").as_str()), (503, asked), "{fault}: {reply:?}");
        assert!(!reply.header("retry-after").is_empty());
    }
    assert_eq!(world.get(&customer, "/ok").await.status, 200);
    Ok(())
}
