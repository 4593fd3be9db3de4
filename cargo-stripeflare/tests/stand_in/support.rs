//! A stand-in and an endpoint that records what it is sent.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use cargo_stripeflare::stripe::{StandIn, StandInOptions};
use hmac::{Hmac, KeyInit, Mac};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::Value;
use sha2::Sha256;

pub(crate) const KEY: &str = "sk_test_key";
pub(crate) const SECRET: &str = "whsec_secret";

/// Longer than anything here takes.
pub(crate) const SOON: Duration = Duration::from_secs(10);

/// One webhook as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) event: Value,
}

impl Received {
    pub(crate) fn kind(&self) -> &str {
        self.event["type"].as_str().unwrap()
    }

    /// Whether the signature fits, computed here and not by the code under test.
    pub(crate) fn is_signed_with(&self, secret: &str) -> bool {
        let header = self.headers["stripe-signature"].to_str().unwrap();
        let t = header.split(',').find_map(|part| part.strip_prefix("t=")).unwrap();
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update(format!("{t}.").as_bytes());
        mac.update(&self.body);
        let expected = hex::encode(mac.finalize().into_bytes());
        header.split(',').filter_map(|part| part.strip_prefix("v1=")).any(|v1| v1 == expected)
    }
}

/// Answers what it is told to and keeps what it gets.
#[derive(Debug, Clone)]
pub(crate) struct Endpoint {
    pub(crate) url: String,
    received: Arc<Mutex<Vec<Received>>>,
    /// Answers to the next webhooks; 200 after the last.
    answers: Arc<Mutex<Vec<u16>>>,
}

impl Endpoint {
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/stripe-webhook", listener.local_addr().unwrap());
        let endpoint = Self { url, received: Arc::default(), answers: Arc::default() };
        let it = endpoint.clone();
        let app = axum::Router::new()
            .route("/stripe-webhook", post(async move |headers: HeaderMap, body: Bytes| it.receive(headers, body)));
        tokio::spawn(async move { axum::serve(listener, app).await });
        endpoint
    }

    fn receive(&self, headers: HeaderMap, body: Bytes) -> StatusCode {
        let event = serde_json::from_slice(&body).unwrap();
        self.received.lock().unwrap().push(Received { headers, body, event });
        let mut answers = self.answers.lock().unwrap();
        let answer = if answers.is_empty() { 200 } else { answers.remove(0) };
        StatusCode::from_u16(answer).unwrap()
    }

    pub(crate) fn answer_next(&self, answers: &[u16]) {
        *self.answers.lock().unwrap() = answers.to_vec();
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    pub(crate) fn kinds(&self) -> Vec<String> {
        self.received().iter().map(|received| received.kind().to_owned()).collect()
    }
}

pub(crate) fn options() -> StandInOptions {
    StandInOptions { secret_key: KEY.to_owned(), webhook_secret: SECRET.to_owned(), ..StandInOptions::default() }
}

pub(crate) async fn stand_in() -> StandIn {
    StandIn::start(options()).await.unwrap()
}

/// A client that follows no redirect.
pub(crate) fn client() -> reqwest::Client {
    reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

pub(crate) fn request(stand_in: &StandIn, method: Method, path: &str) -> RequestBuilder {
    client().request(method, format!("{}{path}", stand_in.api_base())).header("authorization", format!("Bearer {KEY}"))
}

pub(crate) async fn get(stand_in: &StandIn, path: &str) -> (u16, Value) {
    json(request(stand_in, Method::GET, path).send().await.unwrap()).await
}

pub(crate) async fn post_form(stand_in: &StandIn, path: &str, form: &str) -> (u16, Value) {
    json(request(stand_in, Method::POST, path).body(form.to_owned()).send().await.unwrap()).await
}

pub(crate) async fn json(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let body = response.text().await.unwrap();
    (status, serde_json::from_str(&body).unwrap_or_else(|error| panic!("{error}: {body}")))
}

/// The charge that a session was paid with.
pub(crate) fn charge_of(stand_in: &StandIn, session: &Value) -> String {
    let intent = stand_in.object("payment_intent", session["payment_intent"].as_str().unwrap()).unwrap();
    intent["latest_charge"].as_str().unwrap().to_owned()
}
