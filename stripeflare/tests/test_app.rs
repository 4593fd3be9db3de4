//! `TestApp`, as an application's own tests use it.
#![allow(missing_docs)]

use std::process::Command;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use stripeflare::axum::Extension;
use stripeflare::axum::body::Body;
use stripeflare::prelude::*;
use stripeflare::testing::{TestApp, TestResponse};
use stripeflare::worker::{self, Env};
use stripeflare::{ChargeOutcome, Users, charge_user};

#[derive(StripeUser)]
pub struct Player {
    #[column(default = 0, public)]
    score: i64,
    #[column(unique)]
    handle: Option<String>,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
struct Text {
    text: String,
}

#[get("/")]
async fn hello(player: Account<Player>) -> String {
    format!("{} points", player.score)
}

#[post("/reverse")]
#[priced(cents = 1)]
async fn reverse(Json(input): Json<Text>) -> Json<Text> {
    Json(Text { text: input.text.chars().rev().collect() })
}

#[post("/fails")]
#[priced(cents = 1)]
async fn fails() -> StatusCode {
    StatusCode::BAD_GATEWAY
}

#[post("/panics")]
#[priced(cents = 1)]
async fn panics() -> StatusCode {
    panic!("on purpose")
}

#[post("/play")]
#[priced(cents = 2)]
async fn play(mut player: Account<Player>, handle: String) -> Result<String> {
    player
        .update(|player| {
            player.score += 10;
            player.handle = Some(handle.clone());
        })
        .await?;
    Ok(player.score.to_string())
}

#[post("/stream")]
#[priced(max_cents = 50)]
async fn stream(meter: Meter, text: String) -> Response {
    let words: Vec<String> = text.split(' ').map(str::to_owned).collect();
    let chunks = words.into_iter().map(move |word| {
        meter.add(cents!(0.5))?;
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>(word)
    });
    Body::from_stream(futures_util::stream::iter(chunks)).into_response()
}

#[get("/best")]
async fn best(Extension(env): Extension<Env>) -> Result<String> {
    let mut players = Users::find(Player::handle.is_some()).order_by(Player::score.desc()).stream(&env);
    let mut handles = Vec::new();
    while let Some(player) = players.next().await? {
        handles.extend(player.handle.clone());
    }
    Ok(handles.join(" "))
}

#[get("/secret")]
async fn secret(Extension(env): Extension<Env>) -> Result<String> {
    Ok(env.secret("API_KEY")?.to_string())
}

#[get("/fetch")]
async fn fetches() -> Result<String> {
    let mut response = worker::Fetch::Url("https://example.com".parse().expect("an address")).send().await?;
    Ok(response.text().await?)
}

#[get("/log")]
async fn log() {
    worker::console_log!("hello");
}

#[stripeflare::main]
fn app() -> App<Player> {
    App::new().routes(routes![hello, reverse, fails, panics, play, stream, best, secret, fetches, log])
}

#[test]
fn a_call_is_charged_and_its_answer_is_there() {
    let app = TestApp::new(app());
    let customer = app.account().with_balance(cents!(100));
    let reversed = app.post("/reverse").by(&customer).json(&Text { text: "stressed".into() }).send();
    assert_eq!(reversed.status(), StatusCode::OK, "{reversed:?}");
    assert_eq!(reversed.json::<Text>(), Text { text: "desserts".into() });
    assert_eq!(reversed.charged(), cents!(1));
    assert_eq!(reversed.headers()["x-price"], "1");
    assert_eq!(customer.balance(), cents!(99));
}

#[test]
fn errors_panics_and_bad_input_cost_nothing() {
    let app = TestApp::new(app());
    let customer = app.account().with_balance(cents!(5));
    let outcome = |response: TestResponse| (response.status().as_u16(), response.charged());
    assert_eq!(outcome(app.post("/fails").by(&customer).send()), (502, cents!(0)));
    assert_eq!(outcome(app.post("/reverse").by(&customer).body("{").send()).1, cents!(0));
    let panicked = app.post("/panics").by(&customer).send();
    assert!(panicked.text().contains("on purpose"), "{panicked:?}");
    assert_eq!(outcome(panicked), (500, cents!(0)));
    // The holds have ended: all of it is there for another call.
    for left in [3, 1] {
        assert_eq!(outcome(app.post("/play").by(&customer).body("ada").send()), (200, cents!(2)));
        assert_eq!(customer.balance(), Cents::new(left));
    }
    assert_eq!(outcome(app.post("/play").by(&customer).body("ada").send()), (402, cents!(0)));
}

#[test]
fn visitors_and_those_who_never_paid_are_asked_to_pay() {
    let app = TestApp::new(app());
    let visitor = app.post("/reverse").json(&Text { text: "a".into() }).send();
    assert_eq!(visitor.status(), StatusCode::PAYMENT_REQUIRED);
    let customer = app.account();
    let refused = app.post("/reverse").by(&customer).json(&Text { text: "a".into() }).send();
    assert_eq!(refused.status(), StatusCode::PAYMENT_REQUIRED);
    customer.pay(cents!(1));
    let served = app.post("/reverse").by(&customer).json(&Text { text: "a".into() }).send();
    assert_eq!((served.status(), customer.balance()), (StatusCode::OK, cents!(0)));
}

#[test]
fn columns_are_kept_unique_and_found_a_moment_later() {
    let app = TestApp::new(app());
    let (ada, bob) = (app.account().with_balance(cents!(10)), app.account().with_balance(cents!(10)));
    assert_eq!(app.post("/play").by(&ada).body("ada").send().text(), "10");
    assert_eq!(app.post("/play").by(&ada).body("ada").send().text(), "20");
    let taken = app.post("/play").by(&bob).body("ada").send();
    assert_eq!((taken.status(), taken.charged()), (StatusCode::CONFLICT, cents!(0)), "{taken:?}");
    assert_eq!(app.post("/play").by(&bob).body("bob").send().text(), "10");
    assert_eq!((ada.columns::<Player>().score, bob.columns::<Player>().handle.as_deref()), (20, Some("bob")));
    assert_eq!(app.get("/").by(&ada).send().text(), "20 points");
    app.advance(Duration::from_secs(5));
    assert_eq!(app.get("/best").send().text(), "ada bob");
}

#[test]
fn a_stream_is_read_to_its_end_and_costs_what_it_metered() {
    let app = TestApp::new(app());
    let customer = app.account().with_balance(cents!(100));
    let streamed = app.post("/stream").by(&customer).body("one two three").send();
    assert_eq!((streamed.text(), streamed.charged()), ("onetwothree", cents!(1.5)), "{streamed:?}");
}

#[test]
fn a_repeated_call_under_one_key_is_one() {
    let app = TestApp::new(app());
    let customer = app.account().with_balance(cents!(100));
    let play = || app.post("/play").by(&customer).header("idempotency-key", "turn-1").body("ada").send();
    assert_eq!((play().text().to_owned(), play().text().to_owned()), ("10".into(), "10".into()));
    assert_eq!(customer.balance(), cents!(98));
    app.advance(Duration::from_secs(25 * 3_600));
    assert_eq!(play().text(), "20", "a key is kept for a day");
}

#[test]
fn jobs_charge_without_a_request() {
    let app = TestApp::new(app());
    let customer = app.account().with_balance(cents!(10));
    let charge = || {
        let payer = customer.id().to_string();
        app.run(|env| async move { charge_user(&env, &payer, cents!(4), "november", Overdraft::Deny).await })
    };
    assert!(matches!(charge(), Ok(ChargeOutcome::Charged { available }) if available == cents!(6)));
    assert!(matches!(charge(), Ok(ChargeOutcome::AlreadyCharged)));
}

#[test]
fn what_only_cloudflare_has_is_one_message() {
    let tests = std::env::current_exe().expect("this very program");
    for (path, asks) in
        [("/secret", "asks_for_a_secret"), ("/fetch", "fetches_a_page"), ("/log", "writes_to_the_console")]
    {
        let run = Command::new(&tests).args(["--exact", asks, "--ignored"]).output().expect("it runs");
        let said = String::from_utf8_lossy(&run.stderr);
        assert_eq!(run.status.code(), Some(101), "{asks}: {said}");
        assert!(said.starts_with(&format!("\nerror: GET {path} asked Cloudflare for something")), "{asks}: {said}");
        assert_eq!(said.trim().lines().count(), 1, "{asks}: {said}");
    }
}

#[test]
#[ignore = "it ends the process: another test runs it"]
fn asks_for_a_secret() {
    let _ = TestApp::new(app()).get("/secret").send();
}

#[test]
#[ignore = "it ends the process: another test runs it"]
fn fetches_a_page() {
    let _ = TestApp::new(app()).get("/fetch").send();
}

#[test]
#[ignore = "it ends the process: another test runs it"]
fn writes_to_the_console() {
    let _ = TestApp::new(app()).get("/log").send();
}

#[test]
fn built_in_routes_are_there_and_two_applications_do_not_meet() {
    let link = "https://pay.example/here";
    let (app, other) = (TestApp::new(app()), TestApp::with_variables(app(), &[("STRIPE_PAYMENT_LINK", link)]));
    let customer = app.account().with_balance(cents!(7));
    let me = |app: &TestApp| -> serde_json::Value { app.get("/me").by(&customer).send().json() };
    assert_eq!((me(&app)["balance"].as_i64(), me(&app)["registered"].as_bool()), (Some(7), Some(true)));
    assert_eq!((me(&other)["balance"].as_i64(), me(&other)["registered"].as_bool()), (Some(0), Some(false)));
    assert!(me(&other)["paymentLink"].as_str().is_some_and(|known| known.starts_with(link)), "{}", me(&other));
}
