//! As much of Stripe as making things needs: it keeps what it is sent, and lists it.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use serde_json::{Value, json};

pub(crate) const SECRET: &str = "sk_test_secret";

#[derive(Clone, Default)]
pub(crate) struct Stripe {
    created: Arc<Mutex<Vec<(String, Value)>>>,
    /// The kind of object that it cannot make at present.
    pub(crate) broken: Arc<Mutex<Option<String>>>,
}

impl Stripe {
    /// Starts it, and says where.
    pub(crate) async fn start(&self) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let app = Router::new().route("/v1/{kind}", get(Self::list).post(Self::create)).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        url
    }

    /// What was made, oldest first.
    pub(crate) fn created(&self, kind: &str) -> Vec<Value> {
        let created = self.created.lock().unwrap();
        created.iter().filter(|(of, _)| of == kind).map(|(_, object)| object.clone()).collect()
    }

    pub(crate) fn count(&self) -> usize {
        self.created.lock().unwrap().len()
    }

    async fn list(State(stripe): State<Self>, Path(kind): Path<String>, headers: HeaderMap) -> (StatusCode, String) {
        if !is_authorized(&headers) {
            return refusal(StatusCode::UNAUTHORIZED, "Invalid API Key provided: sk_test_***cret");
        }
        let mut data = stripe.created(&kind);
        data.reverse();
        for object in &mut data {
            object.as_object_mut().unwrap().remove("secret");
        }
        (StatusCode::OK, json!({ "object": "list", "data": data, "has_more": false }).to_string())
    }

    async fn create(
        State(stripe): State<Self>,
        Path(kind): Path<String>,
        headers: HeaderMap,
        body: Bytes,
    ) -> (StatusCode, String) {
        assert!(is_authorized(&headers));
        if stripe.broken.lock().unwrap().as_deref() == Some(&kind) {
            return refusal(StatusCode::INTERNAL_SERVER_ERROR, "Something is wrong on our side.");
        }
        let mut created = stripe.created.lock().unwrap();
        let mut object = object(&body);
        let id = format!("{kind}_{}", created.len());
        object["url"] = match object["url"].take() {
            Value::Null => json!(format!("https://buy.example/{id}")),
            url => url,
        };
        object["id"] = json!(id);
        object["secret"] = json!("whsec_of_this_endpoint");
        if let Some(amount) = object["unit_amount"].as_str() {
            object["unit_amount"] = json!(amount.parse::<u32>().unwrap());
        }
        let answer = object.to_string();
        created.push((kind, object));
        (StatusCode::OK, answer)
    }
}

fn is_authorized(headers: &HeaderMap) -> bool {
    headers["authorization"] == format!("Bearer {SECRET}") && headers["stripe-version"] == "2026-07-29.dahlia"
}

fn refusal(status: StatusCode, message: &str) -> (StatusCode, String) {
    (status, json!({ "error": { "message": message, "type": "api_error" } }).to_string())
}

/// `a[b][c]=d` as nested objects; what ends in `[]` is a list.
fn object(form: &[u8]) -> Value {
    let mut object = json!({});
    for (name, value) in form_urlencoded::parse(form) {
        let mut place = &mut object;
        for key in name.split('[').map(|key| key.trim_end_matches(']')) {
            if key.is_empty() {
                if place.is_null() {
                    *place = json!([]);
                }
                let list = place.as_array_mut().unwrap();
                list.push(Value::Null);
                place = list.last_mut().unwrap();
            } else {
                place = &mut place[key];
            }
        }
        *place = json!(value);
    }
    object
}
