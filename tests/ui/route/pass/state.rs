#![deny(warnings)]

use stripeflare::axum::extract::FromRef;
use stripeflare::prelude::*;
use stripeflare::worker::{self, kv::KvStore};
use stripeflare::{Background, Cf};

/// A state of one's own, made from this request's environment.
#[derive(Clone)]
struct Secret(Option<String>);

impl FromRef<Env> for Secret {
    fn from_ref(env: &Env) -> Self {
        Self(env.secret("SECRET").ok().map(|secret| secret.to_string()))
    }
}

fn store(env: &Env) -> Result<KvStore> {
    Ok(env.kv("STORE")?)
}

#[get("/")]
async fn hello(State(env): State<Env>, secret: State<Secret>, cf: Option<Cf>) -> Result<String> {
    let text = store(&env)?.get("greeting").text().await?;
    let place = cf.and_then(|cf| cf.country());
    Ok(format!("{text:?} {:?} {place:?}", secret.0.0))
}

#[get("/later")]
async fn later(background: Background) {
    background.run(async { Ok(()) });
}

#[get("/worker")]
async fn by_worker() -> worker::Response {
    worker::Response::builder().empty()
}

#[get("/worker-or-not")]
async fn perhaps() -> worker::Result<worker::Response> {
    worker::Response::ok("text")
}

#[get("/worker-or-an-error")]
async fn or_an_error(_: State<Env>, body: String) -> Result<worker::Response> {
    Ok(worker::Response::ok(body)?)
}

#[priced(cents = 1)]
async fn charged(State(_): State<Env>) {}

fn main() {
    let _: App = App::new().routes(routes![hello, later, by_worker, perhaps, or_an_error]);
    let _ = charged;
}
