//! What the stand-in's tasks share.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::stripe::model::deliveries::Delivery;
use crate::stripe::model::permission::{Caller, Permission};
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
    /// Of one kind of request, such as `POST /v1/refunds`, so many times.
    pub(crate) faults_at: Vec<(String, ApiFault, u32)>,
    pub(crate) restricted_keys: BTreeMap<String, Vec<Permission>>,
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

    /// Notes a request, `GET /v1/…`, and says what trouble it is in.
    pub(crate) fn begin_request(&self, request: String) -> Option<ApiFault> {
        let mut knobs = self.knobs();
        let fault = knobs.fault.or_else(|| {
            let (_, fault, times) = knobs.faults_at.iter_mut().find(|(at, _, times)| *at == request && *times > 0)?;
            *times -= 1;
            Some(*fault)
        });
        knobs.requests.push(request);
        fault
    }

    /// What a key may do; `None`: it is no key of ours.
    pub(crate) fn caller(&self, key: &str) -> Option<Caller> {
        let permissions = self.knobs().restricted_keys.get(key).cloned();
        let is_ours = permissions.is_some() || key == self.options.secret_key;
        is_ours.then(|| Caller { key: key.to_owned(), account: self.options.account.clone(), permissions })
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
