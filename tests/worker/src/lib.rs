//! The worker that the tests and benchmarks run: one route per thing that can happen.

mod columns;
mod tables;

use std::collections::HashMap;
use std::time::Duration;

use futures_util::stream::{iter, unfold};
use serde::{Deserialize, Serialize};
use stripeflare::__private::Stats;
use stripeflare::axum::body::Body;
use stripeflare::axum::extract::{Multipart, Request};
use stripeflare::axum::routing::post;
use stripeflare::axum::{BoxError, Router, http};
use stripeflare::prelude::*;
use stripeflare::worker::{self, Delay, Env, WebSocketPair};
use stripeflare::{ChargeOutcome, Meter as Renamed, SendWrapper, charge_user};

use crate::columns::User;
use crate::tables::{Note, Setting};

/// A JSON body of any kind.
#[derive(Serialize, Deserialize)]
struct Text {
    text: String,
}

#[get("/free")]
async fn free() -> &'static str {
    "free"
}

#[options("/free")]
async fn options_of_free() -> impl IntoResponse {
    [("allow", "GET, OPTIONS")]
}

#[get("/whoami")]
async fn whoami(account: Account<User>) -> String {
    let (tier, logins, nickname) = (&account.tier, account.logins, &account.nickname);
    format!("{} {} {tier} {logins} {nickname:?}", account.id(), account.balance())
}

#[get("/ok")]
#[priced(cents = 1)]
async fn ok() -> &'static str {
    "ok"
}

#[get("/row")]
#[priced(cents = 1)]
async fn row(account: Account<User>) -> String {
    format!("{} {}", account.balance(), account.tier)
}

#[get("/fraction")]
#[priced(cents = 0.25)]
async fn fraction() -> &'static str {
    "fraction"
}

#[post("/echo")]
#[priced(cents = 1)]
async fn echo(Json(text): Json<Text>) -> Json<Text> {
    Json(text)
}

/// What `/large` answers.
#[derive(Deserialize)]
#[serde(default)]
struct Large {
    byte: u8,
    times: usize,
}

impl Default for Large {
    fn default() -> Self {
        Self { byte: b'x', times: 200_000 }
    }
}

#[get("/large")]
#[priced(cents = 1)]
async fn large(Query(Large { byte, times }): Query<Large>) -> String {
    char::from(byte).to_string().repeat(times)
}

/// Reads its body when its price is held already.
#[post("/drain")]
#[priced(cents = 1)]
async fn drain(body: Body) -> Result<String> {
    let bytes = stripeflare::axum::body::to_bytes(body, 1_000_000).await?;
    Ok(bytes.len().to_string())
}

/// Reads a form when its price is held already.
#[post("/form")]
#[priced(cents = 1)]
async fn form(mut form: Multipart) -> Result<String> {
    let mut length = 0;
    while let Some(field) = form.next_field().await? {
        length += field.bytes().await?.len();
    }
    Ok(length.to_string())
}

#[get("/error")]
#[priced(cents = 1)]
async fn error() -> (StatusCode, &'static str) {
    (StatusCode::INTERNAL_SERVER_ERROR, "error")
}

#[get("/err")]
#[priced(cents = 1)]
async fn err() -> Result<String> {
    let number: i32 = "not a number".parse()?;
    Ok(number.to_string())
}

#[get("/panic")]
#[priced(cents = 1)]
async fn panic() -> String {
    panic!("a handler panicked on purpose")
}

#[get("/abort")]
async fn abort() -> String {
    std::process::abort()
}

#[get("/exception")]
#[priced(cents = 1)]
async fn exception() -> Result<String> {
    let never = stripeflare::__private::js_sys::Function::new_no_args("throw new Error('on purpose')");
    let thrown = never.call0(&stripeflare::__private::wasm_bindgen::JsValue::UNDEFINED);
    thrown.map(|_| String::new()).map_err(|_| Error::new(StatusCode::BAD_GATEWAY, "an exception"))
}

/// What `/answer` answers, with a body of four bytes, or with a WebSocket.
#[derive(Deserialize)]
struct Answered {
    status: u16,
    #[serde(default)]
    socket: bool,
}

fn answered(Answered { status, socket }: Answered) -> Result<Response> {
    let mut response = (StatusCode::from_u16(status)?, "body").into_response();
    if socket {
        let pair = WebSocketPair::new()?;
        pair.server.accept()?;
        pair.server.send_with_str("hello")?;
        pair.server.close(Some(1000), Some("over"))?;
        *response.body_mut() = Body::empty();
        response.extensions_mut().insert(pair.client);
    }
    Ok(response)
}

#[get("/answer")]
#[priced(cents = 1)]
async fn answer(Query(wanted): Query<Answered>) -> Result<Response> {
    answered(wanted)
}

/// The same, charged after the fact.
#[get("/answer-dynamic")]
async fn answer_dynamic(Query(wanted): Query<Answered>) -> Result<impl IntoResponse> {
    Ok(([("x-price", "1")], answered(wanted)?))
}

/// `compressed text`, by gzip.
const COMPRESSED: &[u8] = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\x4b\xce\xcf\x2d\x28\x4a\x2d\x2e\x4e\
    \x4d\x51\x28\x49\xad\x28\x01\x00\xc2\x18\xd8\xd8\x0f\x00\x00\x00";

#[get("/compressed")]
#[priced(cents = 1)]
async fn compressed(Query(streamed): Query<HashMap<String, String>>) -> impl IntoResponse {
    let body = match streamed.contains_key("streamed") {
        true => Body::from_stream(iter(COMPRESSED.chunks(7).map(Ok::<_, BoxError>))),
        false => Body::from(COMPRESSED),
    };
    ([("content-encoding", "gzip"), ("cache-control", "max-age=60, No-Transform")], body)
}

/// Passes on what an address of `fetch` answers.
#[get("/passed-on")]
#[priced(cents = 1)]
async fn passed_on(Query(query): Query<HashMap<String, String>>) -> Result<Response> {
    let url = query.get("url").ok_or_else(|| Error::new(StatusCode::BAD_REQUEST, "?url="))?;
    let request = worker::Request::new(url, worker::Method::Get)?;
    request.headers().set("authorization", query.get("authorization").map_or("", String::as_str))?;
    let mut answer = worker::Fetch::Request(request).send().await?;
    let mut response = Response::new(match query.contains_key("streamed") {
        true => Body::from_stream(SendWrapper::new(answer.stream()?)),
        false => Body::from(answer.bytes().await?),
    });
    for (name, value) in answer.headers() {
        response.headers_mut().append(http::HeaderName::try_from(name)?, http::HeaderValue::try_from(value)?);
    }
    Ok(response)
}

/// How long `/slow` takes.
#[derive(Deserialize)]
struct Slow {
    ms: u64,
}

#[get("/slow")]
#[priced(cents = 1)]
async fn slow(Query(Slow { ms }): Query<Slow>) -> &'static str {
    Delay::from(Duration::from_millis(ms)).await;
    "slow"
}

#[get("/outlive")]
#[priced(cents = 1, hold_s = 1)]
async fn outlive(Query(Slow { ms }): Query<Slow>) -> &'static str {
    Delay::from(Duration::from_millis(ms)).await;
    "outlived"
}

/// What `/dynamic` asks for, as it stands.
#[derive(Deserialize)]
struct Dynamic {
    cents: String,
}

#[get("/dynamic")]
async fn dynamic(Query(Dynamic { cents }): Query<Dynamic>) -> impl IntoResponse {
    ([("x-price", cents)], "dynamic")
}

/// What `/metered` says it used, in cents, and a maximum of its own below the attribute's.
#[derive(Deserialize)]
struct Metered {
    r#use: Cents,
    max: Option<Cents>,
}

#[get("/metered")]
#[priced(max_cents = 10)]
async fn metered(Query(Metered { r#use, max }): Query<Metered>) -> Priced<&'static str> {
    Priced::new("metered", max.map_or(r#use, |max| max.min(r#use)))
}

/// What `/stream` sends, and how it ends.
#[derive(Deserialize)]
#[serde(default)]
struct Streamed {
    /// Before the answer.
    wait_ms: u64,
    chunks: usize,
    /// Before each chunk.
    ms: u64,
    /// For each chunk.
    cents: Cents,
    /// Of each chunk.
    bytes: usize,
    status: u16,
    end: String,
}

impl Default for Streamed {
    fn default() -> Self {
        Self { wait_ms: 0, chunks: 3, ms: 10, cents: Cents::new(1), bytes: 0, status: 200, end: String::new() }
    }
}

#[get("/stream")]
#[priced(max_cents = 10, hold_s = 2)]
async fn stream(meter: Meter, Query(streamed): Query<Streamed>) -> Result<Response> {
    Delay::from(Duration::from_millis(streamed.wait_ms)).await;
    let status = StatusCode::from_u16(streamed.status)?;
    let chunk = move |index: usize| {
        let Streamed { chunks, ms, cents, bytes, ref end, .. } = streamed;
        let (meter, end) = (meter.clone(), end.clone());
        async move {
            Delay::from(Duration::from_millis(ms)).await;
            if index == chunks {
                match end.as_str() {
                    "" => return None,
                    "panic" => panic!("a stream panicked on purpose"),
                    _ => return Some((Err(end.into()), index + 1)),
                }
            }
            let data = format!("data: {index}{}\n\n", " ".repeat(bytes));
            Some((meter.add(cents).map(|_| data).map_err(BoxError::from), index + 1))
        }
    };
    let body = Body::from_stream(SendWrapper::new(unfold(0, chunk)));
    Ok((status, [("content-type", "text/event-stream")], body).into_response())
}

/// The same, held for a minute.
#[get("/long-stream")]
#[priced(max_cents = 10)]
async fn long_stream(meter: Meter, streamed: Query<Streamed>) -> Result<Response> {
    stream::uncharged(meter, streamed).await
}

/// As long as wanted, for a fixed price.
#[get("/endless")]
#[priced(cents = 1)]
async fn endless(Query(Streamed { chunks, bytes, .. }): Query<Streamed>) -> Body {
    Body::from_stream(iter((0..chunks).map(move |_| Ok::<_, BoxError>("x".repeat(bytes)))))
}

#[get("/counted")]
#[priced(max_cents = 10)]
async fn counted(meter: Meter, Query(Metered { r#use, .. }): Query<Metered>) -> Result<String> {
    let left = meter.add(r#use)?;
    Ok(left.to_string())
}

/// Half a cent for each letter; a digit is the price itself, and a space none.
async fn letters(account: &Account<User>, text: &str) -> Result<Cents> {
    if account.balance() > Cents::new(1_000_000) {
        return Ok(cents!(0));
    }
    match text.trim().parse::<Cents>() {
        Ok(said) => Ok(said),
        Err(_) if text.contains('!') => Err(Error::new(StatusCode::UNPROCESSABLE_ENTITY, "no shouting")),
        Err(_) => Ok(cents!(0.5) * text.trim().len()),
    }
}

#[post("/letters")]
#[priced(with = async |account: &Account<User>, text: &String| letters(account, text).await, label = "Letters")]
async fn by_letter(_: Account<User>, text: String) -> String {
    text.trim().to_uppercase()
}

fn of_length(_: &Path<String>, text: &str) -> Cents {
    Cents::from_units(text.len() as i64)
}

#[post("/length/{of}")]
#[priced(with = of_length)]
async fn by_length(Path(of): Path<String>, text: String) -> String {
    format!("{of} {text}")
}

/// A type that hides what it answers.
type Alias = Priced<&'static str>;

#[get("/fixed-and-said")]
#[priced(cents = 1)]
async fn fixed_and_said() -> Alias {
    Priced::new("twice", Cents::new(1))
}

#[get("/as-far-as-it-goes")]
#[priced(max_cents = 10, min_cents = 2)]
async fn as_far_as_it_goes(meter: Meter, streamed: Query<Streamed>) -> Result<Response> {
    stream::uncharged(meter, streamed).await
}

#[get("/tokens-used")]
#[priced(max_cents = 10, min_cents = 2, label = "Tokens")]
async fn tokens_used(meter: Meter, Query(Metered { r#use, .. }): Query<Metered>) -> Result<String> {
    for _ in 0..1_000 {
        meter.add_per_million(r#use, 1)?;
    }
    Ok(meter.left().to_string())
}

#[get("/said-twice")]
#[priced(max_cents = 10)]
async fn said_twice(_: Meter) -> Priced<&'static str> {
    Priced::new("twice", Cents::new(1))
}

#[get("/meter-without-maximum")]
#[priced(cents = 1)]
async fn meter_without_maximum(_: Renamed) -> &'static str {
    "never"
}

#[get("/meter-without-price")]
async fn meter_without_price(_: Renamed) -> &'static str {
    "never"
}

/// What `/charge` charges from inside.
#[derive(Deserialize)]
struct Inside {
    cents: Cents,
    #[serde(default)]
    overdraft: bool,
    /// Charges twice.
    #[serde(default)]
    twice: bool,
    once: Option<String>,
    #[serde(default)]
    fails: bool,
}

#[post("/charge")]
async fn charge(account: Account<User>, Query(inside): Query<Inside>) -> Result<String> {
    let overdraft = if inside.overdraft { Overdraft::Allow } else { Overdraft::Deny };
    let mut available = match &inside.once {
        Some(key) => account.charge_once(key, "Inside", inside.cents, overdraft).await?,
        None => account.charge("Inside", inside.cents, overdraft).await?,
    };
    if inside.twice {
        available = account.charge("Inside", inside.cents, overdraft).await?;
    }
    if inside.fails {
        return Err(Error::new(StatusCode::CONFLICT, "it charges and then fails"));
    }
    Ok(available.to_string())
}

/// The same in a priced route.
#[post("/priced-charge")]
#[priced(cents = 1)]
async fn priced_charge(account: Account<User>, inside: Query<Inside>) -> Result<String> {
    charge(account, inside).await
}

/// What `/job` hands to `charge_user`.
#[derive(Deserialize)]
struct Job {
    payer: String,
    cents: Cents,
    key: String,
}

#[priced(cents = 2)]
async fn plain(body: String) -> String {
    body
}

/// Has a route, and is mounted by hand as well.
#[get("/trap")]
#[priced(cents = 3)]
async fn trap() -> &'static str {
    "trap"
}

/// Calls others without their price.
#[get("/of-others")]
#[priced(cents = 1)]
async fn of_others() -> String {
    format!("{} {}", trap::uncharged().await, plain::uncharged("plain".into()).await)
}

async fn job(request: Request) -> Result<String> {
    let env = stripeflare::__private::env(&request);
    let Query(job) = Query::<Job>::try_from_uri(request.uri())?;
    let outcome: ChargeOutcome = charge_user(&env, &job.payer, job.cents, &job.key, Overdraft::Deny).await?;
    Ok(format!("{outcome:?}"))
}

async fn sweep(request: Request) -> Result<String> {
    let env: Env = stripeflare::__private::env(&request);
    Ok(format!("{:?}", stripeflare::reconcile(&env).await?))
}

async fn stats(request: Request) -> Result<Json<Stats>> {
    let env: Env = stripeflare::__private::env(&request);
    let account = request.uri().path().rsplit('/').next().unwrap_or_default().to_owned();
    Ok(Json(stripeflare::__private::stats(&env, &account).await?))
}

#[get("/name")]
async fn name() -> impl IntoResponse {
    let bytes = http::HeaderValue::from_bytes("Zoë 🦀".as_bytes()).expect("no control characters");
    let latin1 = http::HeaderValue::from_bytes(b"caf\xe9").expect("no control characters");
    ([("x-name", bytes), ("x-latin1", latin1)], "name")
}

async fn stamp(mut response: Response) -> Response {
    response.headers_mut().insert("x-layer", http::HeaderValue::from_static("passed"));
    response
}

fn plain_router() -> Router {
    use stripeflare::__private::send;
    use stripeflare::axum::middleware::map_response;
    use stripeflare::axum::routing::get as get_by_hand;
    Router::new()
        .route("/plain", post(plain))
        .route("/x", get_by_hand(trap))
        .nest("/nested", Router::new().route("/x", get_by_hand(trap)))
        .merge(Router::new().route("/layered/x", get_by_hand(trap)).layer(map_response(stamp)))
        .route("/sweep", post(|request| send(async { sweep(request).await.into_response() })))
        .route("/job", post(|request| send(async { job(request).await.into_response() })))
        .route(
            "/stats/{account}",
            stripeflare::axum::routing::get(|request| send(async { stats(request).await.into_response() })),
        )
}

#[stripeflare::main(tables(Note, Setting))]
fn app() -> App<User> {
    App::new()
        .routes(routes![
            free,
            options_of_free,
            whoami,
            ok,
            row,
            fraction,
            echo,
            large,
            error,
            err,
            panic,
            abort,
            exception,
            slow,
            outlive,
            dynamic,
            metered,
            charge,
            name,
            trap,
            of_others,
            answer,
            answer_dynamic,
            compressed,
            passed_on
        ])
        .routes(routes![
            by_letter,
            by_length,
            fixed_and_said,
            as_far_as_it_goes,
            tokens_used,
            form,
            priced_charge,
            drain,
            stream,
            long_stream,
            endless,
            counted,
            said_twice,
            meter_without_maximum,
            meter_without_price
        ])
        .routes(columns::routes())
        .routes(tables::routes())
        .merge(plain_router())
}
