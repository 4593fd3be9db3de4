//! What the stand-in's tasks share, and the server that they run in.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use anyhow::Result;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{any, get};
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::error::ApiError;
use super::payments::{Paid, PayRequest};
use super::state::{State, text};
use super::webhooks::Delivery;
use super::{ApiFault, StandInOptions, api, page, webhooks};

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) options: StandInOptions,
    pub(super) client: reqwest::Client,
    pub(super) state: Mutex<State>,
    pub(super) knobs: Mutex<Knobs>,
    pub(super) tasks: Mutex<JoinSet<()>>,
    /// Counts up with every step of a delivery, for those who wait.
    pub(super) changes: watch::Sender<u64>,
}

/// What a test turns while the stand-in runs.
#[derive(Debug)]
pub(super) struct Knobs {
    pub(super) delivery: Delivery,
    pub(super) random: fastrand::Rng,
    pub(super) fault: Option<ApiFault>,
    pub(super) requests: Vec<String>,
}

impl Inner {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics while it holds the state")
    }

    pub(super) fn knobs(&self) -> MutexGuard<'_, Knobs> {
        self.knobs.lock().expect("nothing panics while it turns a knob")
    }

    pub(super) fn delivery(&self) -> Delivery {
        self.knobs().delivery.clone()
    }

    pub(super) fn api_fault(&self) -> Option<ApiFault> {
        self.knobs().fault
    }

    pub(super) fn secret_key(&self) -> &str {
        &self.options.secret_key
    }

    pub(super) fn count_request(&self, method: &axum::http::Method, path: &str) {
        self.knobs().requests.push(format!("{method} {path}"));
    }

    pub(super) fn random_up_to(&self, most: Duration) -> Duration {
        most.mul_f64(self.knobs().random.f64())
    }

    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.tasks.lock().expect("nothing panics while it starts a task");
        // Forget what has ended, or a long run would keep it all.
        while tasks.try_join_next().is_some() {}
        tasks.spawn(task);
    }

    pub(super) fn changed(&self) {
        self.changes.send_modify(|changes| *changes += 1);
    }

    pub(super) async fn wait_until(&self, holds: impl Fn(&State) -> bool) {
        let mut changes = self.changes.subscribe();
        while !holds(&self.lock()) {
            // The sender lives as long as we do.
            let _ = changes.changed().await;
        }
    }

    /// Changes the state and sends what it gives rise to.
    pub(super) fn run<T>(self: &Arc<Self>, change: impl FnOnce(&mut State) -> Result<T, ApiError>) -> Result<T> {
        let result = change(&mut self.lock());
        webhooks::dispatch(self);
        Ok(result?)
    }

    /// The payment page's button.
    pub(super) async fn pay(self: &Arc<Self>, request: &PayRequest, session: Option<&str>) -> Result<Paid> {
        let paid = self.run(|state| {
            let link = match &request.payment_link {
                Some(id) => state.get("payment_link", id, "payment_link")?.clone(),
                None => state.all("payment_link").last().cloned().unwrap_or(Value::Null),
            };
            state.pay(request, &link, session)
        })?;
        if let Paid::Complete { session, event } = &paid {
            if let (true, Some(wait)) = (request.method.is_delayed(), self.options.settle_after) {
                self.settle_later(text(session, "id"), wait);
            }
            // A try is enough, as on Stripe: a broken endpoint does not keep the payer.
            let tried = self.wait_until(|state| state.deliveries.of_event(event).all(|it| !it.tries.is_empty()));
            let _ = timeout(self.options.redirect_wait, tried).await;
        }
        Ok(paid)
    }

    fn settle_later(self: &Arc<Self>, session: String, wait: Duration) {
        let inner = Arc::clone(self);
        self.spawn(async move {
            tokio::time::sleep(wait).await;
            // Settled by hand meanwhile: nothing to do.
            let _ = inner.run(|state| {
                let succeeds = state.unsettled.get(&session).copied().unwrap_or(false);
                state.settle(&session, succeeds)
            });
        });
    }
}

pub(super) fn router(inner: Arc<Inner>) -> Router {
    Router::new()
        .route("/pay/{path}", get(page::show).post(page::submit))
        .route("/v1/{*path}", any(api::handle))
        .layer(DefaultBodyLimit::max(api::MAX_BODY))
        .with_state(inner)
}
