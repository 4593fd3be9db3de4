//! The three workers that are measured side by side, and what is called of them.

use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result, ensure};
use cargo_stripeflare::workerd::WorkerdOptions;
use cargo_stripeflare::workerd::{Script, Workerd};
use serde_json::{Value, json};
use tempfile::TempDir;
use tests::{Customer, World, built};

use crate::http::{Connection, Request};
use crate::measure::{Case, Measured, Route, Subject, Worker};

/// The most that a payment link takes, in cents: a call for each.
pub(crate) const PAID: i64 = 1_000_000;
/// How many call at once where throughput is measured.
pub(crate) const CLIENTS: usize = 16;
/// What each call that writes sends, and is sent back.
const BODY: &str = r#"{"text":"What a call with a small body of JSON costs, whoever answers it."}"#;

/// A worker that counts.
pub(crate) struct Bare {
    pub(crate) workerd: Workerd,
    _disk: TempDir,
}

/// All of them, running, with the same compatibility date and flags.
pub(crate) struct Subjects {
    pub(crate) world: World,
    /// Whom all connections share.
    pub(crate) shared: Customer,
    /// One for each client.
    own: Vec<Customer>,
    /// Has a token and no money.
    newcomer: Customer,
    pub(crate) rust: Bare,
    js: Bare,
    /// What Stripe tells of a payment of the shared one.
    event: Value,
    /// Makes keys and payments that were not there before.
    number: AtomicU64,
}

impl Bare {
    async fn start(script: Script) -> Result<Self> {
        let disk = tempfile::tempdir()?;
        let workerd = Workerd::start(WorkerdOptions::new(script, disk.path())).await?;
        Ok(Self { workerd, _disk: disk })
    }
}

impl Subjects {
    pub(crate) async fn start() -> Result<Self> {
        let rust = tokio::task::spawn_blocking(|| built("tests/bare")).await??;
        let rust = Bare::start(Script::Built(rust)).await?;
        let js = Bare::start(Script::Js(include_str!("bare.js").to_owned())).await?;
        let world = World::start().await?;
        let shared = world.customer(PAID).await?;
        let event = world.stripe.events().pop().context("Stripe told of the payment")?;
        let mut own = Vec::new();
        for _ in 0..CLIENTS {
            own.push(world.customer(PAID).await?);
        }
        let newcomer = world.newcomer().await;
        Ok(Self { world, shared, own, newcomer, rust, js, event, number: AtomicU64::new(0) })
    }

    /// One case for each worker.
    pub(crate) fn beside(&self, route: Route, connections: usize) -> Vec<Case<'_>> {
        let workers = [Worker::BareRust, Worker::BareJs, Worker::Stripeflare];
        workers.into_iter().map(|worker| self.case(Subject { route, worker }, connections)).collect()
    }

    pub(crate) fn case(&self, subject: Subject, connections: usize) -> Case<'_> {
        let workerd = match subject.worker {
            Worker::BareRust => &self.rust.workerd,
            Worker::BareJs => &self.js.workerd,
            Worker::Stripeflare => &self.world.workerd,
        };
        let (port, pid) = (workerd.port(), workerd.pid().unwrap_or_default());
        Case { subject, port, pid, request: self.request(subject), connections }
    }

    fn request(&self, Subject { route, worker }: Subject) -> Box<dyn Fn(usize) -> Request + Sync + '_> {
        match (route, worker) {
            (Route::Free, _) => Box::new(|_| Request::get("/free")),
            (Route::WriteInOne, Worker::Stripeflare) => Box::new(|_| priced(&self.shared)),
            (Route::WriteInOwn, Worker::Stripeflare) => Box::new(|place| priced(&self.own[place])),
            (Route::WriteInOne, _) => Box::new(|_| Request::post("/hit/one", &[], BODY)),
            (Route::WriteInOwn, _) => Box::new(|place| Request::post(&format!("/hit/own-{place}"), &[], BODY)),
            (Route::Me, _) => Box::new(|_| Request::get("/me").with_header(&bearer(&self.shared))),
            (Route::PaymentRequired, _) => Box::new(|_| priced(&self.newcomer).answered_with(402)),
            (Route::Idempotent, _) => {
                Box::new(|_| priced(&self.shared).with_header(&format!("idempotency-key: {}", self.next())))
            }
            (Route::AfterTheFact, _) => {
                Box::new(|_| Request::get("/dynamic?cents=1").with_header(&bearer(&self.shared)))
            }
            (Route::Webhook, _) => Box::new(|_| self.webhook()),
        }
    }

    fn next(&self) -> u64 {
        self.number.fetch_add(1, Ordering::Relaxed)
    }

    /// Tells of another payment like the first.
    fn webhook(&self) -> Request {
        let (mut event, number) = (self.event.clone(), self.next());
        event["id"] = json!(format!("evt_{number}"));
        event["data"]["object"]["id"] = json!(format!("cs_test_{number}"));
        event["data"]["object"]["payment_intent"] = json!(format!("pi_{number}"));
        event["data"]["object"]["amount_subtotal"] = json!(100);
        event["data"]["object"]["amount_total"] = json!(100);
        let body = event.to_string();
        let signature = self.world.stripe.sign(body.as_bytes(), self.world.stripe.clock().now_s());
        Request::post("/stripe-webhook", &[format!("stripe-signature: {signature}")], &body)
    }

    /// Each call of the shared object wrote once, and each charged once: else the figures mean nothing.
    pub(crate) async fn check(&self, measured: &[Measured], charged_before: usize) -> Result<()> {
        let calls = |worker| -> usize {
            let subject = Subject { route: Route::WriteInOne, worker };
            measured.iter().filter(|measured| measured.subject == subject).map(|measured| measured.calls).sum()
        };
        for worker in [Worker::BareRust, Worker::BareJs] {
            let case = self.case(Subject { route: Route::WriteInOne, worker }, 1);
            let body = Connection::open(case.port)?.call(&(case.request)(0))?.to_vec();
            let count = serde_json::from_slice::<Value>(&body)?["hits"].as_u64().context("the counter")?;
            ensure!(
                count == calls(worker) as u64 + 1,
                "{worker:?}: {} calls left the counter at {count}",
                calls(worker)
            );
        }
        self.world.settled(&self.shared).await;
        let charged = calls(Worker::Stripeflare) + charged_before;
        let balance = self.world.balance(&self.shared).await;
        ensure!(balance + charged as f64 == PAID as f64, "{charged} calls left a balance of {balance}");
        Ok(())
    }
}

/// A call that costs a cent.
pub(crate) fn priced(customer: &Customer) -> Request {
    Request::post("/echo", &[bearer(customer)], BODY)
}

pub(crate) fn bearer(customer: &Customer) -> String {
    format!("authorization: Bearer {}", customer.token)
}
