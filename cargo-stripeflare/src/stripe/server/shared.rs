//! What the stand-in's tasks share.

use std::future::Future;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::stripe::model::deliveries::Delivery;
use crate::stripe::model::state::State;
use crate::stripe::options::{ApiFault, StandInOptions};

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) options: StandInOptions,
    pub(crate) client: reqwest::Client,
    pub(crate) state: Mutex<State>,
    pub(crate) knobs: Mutex<Knobs>,
    pub(crate) tasks: Mutex<JoinSet<()>>,
    /// Counts up with every step of a delivery, for those who wait.
    pub(crate) changes: watch::Sender<u64>,
}

/// What a test turns while the stand-in runs.
#[derive(Debug)]
pub(crate) struct Knobs {
    pub(crate) delivery: Delivery,
    pub(crate) random: fastrand::Rng,
    pub(crate) fault: Option<ApiFault>,
    pub(crate) requests: Vec<String>,
}

impl Inner {
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics while it holds the state")
    }

    pub(crate) fn knobs(&self) -> MutexGuard<'_, Knobs> {
        self.knobs.lock().expect("nothing panics while it turns a knob")
    }

    pub(crate) fn delivery(&self) -> Delivery {
        self.knobs().delivery.clone()
    }

    pub(crate) fn api_fault(&self) -> Option<ApiFault> {
        self.knobs().fault
    }

    pub(crate) fn secret_key(&self) -> &str {
        &self.options.secret_key
    }

    pub(crate) fn count_request(&self, method: &axum::http::Method, path: &str) {
        self.knobs().requests.push(format!("{method} {path}"));
    }

    pub(crate) fn random_up_to(&self, most: Duration) -> Duration {
        most.mul_f64(self.knobs().random.f64())
    }

    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.tasks.lock().expect("nothing panics while it starts a task");
        // Forget what has ended, or a long run would keep it all.
        while tasks.try_join_next().is_some() {}
        tasks.spawn(task);
    }

    pub(crate) fn changed(&self) {
        self.changes.send_modify(|changes| *changes += 1);
    }

    pub(crate) async fn wait_until(&self, holds: impl Fn(&State) -> bool) {
        let mut changes = self.changes.subscribe();
        while !holds(&self.lock()) {
            // The sender lives as long as we do.
            let _ = changes.changed().await;
        }
    }
}
