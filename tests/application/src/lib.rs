//! An application with everything that may be around a charge: prefixes, layers, another origin's pages.

use std::time::Duration;

use serde::Serialize;
use stripeflare::axum::extract::FromRef;
use stripeflare::axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use stripeflare::axum::http::{HeaderName, HeaderValue, Method};
use stripeflare::axum::middleware::map_response;
use stripeflare::axum::{Extension, Router, routing};
use stripeflare::prelude::*;
use stripeflare::worker::{self, Delay, ScheduledEvent, WebSocketPair, WebsocketEvent, console_error};
use stripeflare::{Background, Cf};
use tower_http::cors::{AllowHeaders, CorsLayer};

/// The owner's columns.
#[derive(StripeUser)]
pub struct User {
    #[column(default = "free", public)]
    tier: String,
}

#[get("/ok")]
#[priced(cents = 1)]
async fn ok() -> &'static str {
    "ok"
}

#[get("/tier")]
async fn tier(account: Account<User>) -> String {
    account.tier.clone()
}

#[get("/dynamic")]
async fn dynamic() -> impl IntoResponse {
    ([("x-price", "2")], "dynamic")
}

/// Under a prefix it has the name of a built-in route.
#[get("/tokens")]
#[priced(cents = 1)]
async fn tokens() -> &'static str {
    "tokens"
}

#[get("/things/{id}")]
async fn thing(Path(id): Path<u32>) -> String {
    format!("thing {id}")
}

#[head("/things/{id}")]
async fn about_thing(Path(id): Path<u32>) -> impl IntoResponse {
    [("x-thing", id.to_string())]
}

#[any("/things/{id}")]
async fn another_method(method: Method) -> String {
    format!("{method} of a thing")
}

/// A state of one's own.
#[derive(Clone)]
struct Greeting(String);

impl FromRef<Env> for Greeting {
    fn from_ref(env: &Env) -> Self {
        Self(env.var("GREETING").map_or_else(|_| "none".into(), |text| text.to_string()))
    }
}

#[get("/greeting")]
async fn greeting(State(greeting): State<Greeting>, State(env): State<Env>) -> Result<String> {
    Ok(format!("{} {}", greeting.0, env.var("GREETING")?))
}

#[priced(cents = 1)]
async fn charged_greeting(State(Greeting(greeting)): State<Greeting>) -> String {
    greeting
}

async fn plain_greeting(Extension(env): Extension<Env>) -> String {
    Greeting::from_ref(&env).0
}

/// Charges when its answer has left.
#[post("/later")]
async fn later(account: Account, background: Background) -> StatusCode {
    background.run(async move {
        Delay::from(Duration::from_millis(300)).await;
        account.charge("Later", Cents::new(7), Overdraft::Deny).await?;
        Ok(())
    });
    StatusCode::ACCEPTED
}

#[get("/place")]
async fn place(cf: Option<Cf>) -> String {
    cf.and_then(|cf| cf.country()).unwrap_or_else(|| "unknown".into())
}

#[get("/certain-place")]
async fn certain_place(cf: Cf) -> String {
    cf.colo()
}

#[derive(Serialize)]
struct Shown {
    by: &'static str,
}

#[get("/by-worker")]
async fn by_worker() -> worker::Result<worker::Response> {
    let mut response = worker::Response::from_json(&Shown { by: "worker" })?.with_status(203);
    response.headers_mut().set("x-by", "worker")?;
    Ok(response)
}

#[get("/by-worker-or-not")]
async fn by_worker_or_not() -> Result<worker::Response> {
    Err(Error::new(StatusCode::CONFLICT, "not by worker"))
}

/// A quarter for each message.
#[get("/socket")]
async fn socket(account: Account) -> Result<worker::Response> {
    let WebSocketPair { client, server } = WebSocketPair::new()?;
    server.accept()?;
    stripeflare::__private::wasm_bindgen_futures::spawn_local(async move {
        let Ok(mut events) = server.events() else { return };
        while let Some(Ok(WebsocketEvent::Message(message))) = futures_util::StreamExt::next(&mut events).await {
            let said = match account.charge("Message", Cents::new(25), Overdraft::Deny).await {
                Ok(left) => format!("{} {left}", message.text().unwrap_or_default()),
                Err(_) => "no more".to_owned(),
            };
            let _ = server.send_with_str(said);
        }
    });
    Ok(worker::Response::from_websocket(client)?)
}

/// Columns of another application.
#[derive(StripeUser)]
struct Other {
    karma: i64,
}

#[priced(cents = 1)]
async fn of_another(account: Account<Other>) -> String {
    account.karma.to_string()
}

async fn every(event: ScheduledEvent, _: Env) -> Result<()> {
    console_error!("every {}", event.cron());
    Err(Error::new(StatusCode::INTERNAL_SERVER_ERROR, "on purpose"))
}

async fn hourly(event: ScheduledEvent, env: Env) -> Result<()> {
    console_error!("hourly {} {}", event.cron(), Greeting::from_ref(&env).0);
    Ok(())
}

async fn nowhere() -> (StatusCode, &'static str) {
    (StatusCode::NOT_FOUND, "nowhere")
}

async fn stamp(mut response: Response) -> Response {
    response.headers_mut().insert("x-layer", HeaderValue::from_static("passed"));
    response
}

fn for_other_origins() -> CorsLayer {
    let headers = [AUTHORIZATION, CONTENT_TYPE, HeaderName::from_static("idempotency-key")];
    CorsLayer::permissive().allow_headers(AllowHeaders::list(headers))
}

fn plain_router() -> Router {
    Router::new()
        .route("/plain-greeting", routing::get(plain_greeting))
        .route("/charged-greeting", routing::get(charged_greeting))
        .route("/of-another", routing::get(of_another))
}

#[stripeflare::main]
fn app() -> App<User> {
    App::new()
        .layer(map_response(stamp))
        .layer(for_other_origins())
        .routes(routes![ok, tier, dynamic, thing, about_thing, another_method])
        .routes(routes![greeting, later, place, certain_place, by_worker, by_worker_or_not, socket])
        .nest("/v1", routes![ok, tokens])
        .merge(plain_router())
        .fallback(nowhere)
        .scheduled(every)
        .cron("0 * * * *", hourly)
}
