//! The three workers that are measured side by side, and what is called of them.

use anyhow::{Context, Result, ensure};
use cargo_stripeflare::workerd::{Script, Workerd, WorkerdOptions};
use tempfile::TempDir;
use tests::{Customer, World, built};

use crate::http::{Connection, get};
use crate::measure::{Case, Measured, Route, Subject, Worker};

/// The most that a payment link takes, in cents: a call for each.
const PAID: i64 = 1_000_000;
/// How many call at once where throughput is measured.
pub(crate) const CLIENTS: [usize; 2] = [8, 16];
/// Objects and accounts, one for each client.
const OWN: usize = CLIENTS[1];

/// A worker that counts.
struct Bare {
    workerd: Workerd,
    _disk: TempDir,
}

/// All of them, running.
pub(crate) struct Subjects {
    pub(crate) world: World,
    /// Whom all connections share.
    pub(crate) shared: Customer,
    own: Vec<Customer>,
    rust: Bare,
    js: Bare,
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
        let mut own = Vec::new();
        for _ in 0..OWN {
            own.push(world.customer(PAID).await?);
        }
        Ok(Self { world, shared, own, rust, js })
    }

    /// One case for each worker.
    pub(crate) fn cases(&self, route: Route, connections: usize) -> Vec<Case> {
        [Worker::BareRust, Worker::BareJs, Worker::Stripeflare]
            .into_iter()
            .map(|worker| Case {
                subject: Subject { route, worker },
                port: self.port(worker),
                requests: self.requests(route, worker),
                connections,
            })
            .collect()
    }

    fn port(&self, worker: Worker) -> u16 {
        match worker {
            Worker::BareRust => self.rust.workerd.port(),
            Worker::BareJs => self.js.workerd.port(),
            Worker::Stripeflare => self.world.workerd.port(),
        }
    }

    fn requests(&self, route: Route, worker: Worker) -> Vec<Vec<u8>> {
        match (route, worker) {
            (Route::Free, _) => vec![get("/free", None)],
            (Route::WriteInOne, Worker::Stripeflare) => vec![get("/ok", Some(&self.shared.token))],
            (Route::WriteInOwn, Worker::Stripeflare) => {
                self.own.iter().map(|customer| get("/ok", Some(&customer.token))).collect()
            }
            (Route::WriteInOne, _) => vec![get("/hit/one", None)],
            (Route::WriteInOwn, _) => (0..OWN).map(|index| get(&format!("/hit/own-{index}"), None)).collect(),
        }
    }

    /// Each call of the shared object wrote once, and each charged once: else the figures mean nothing.
    pub(crate) async fn check(&self, measured: &[Measured], charged_before: u64) -> Result<()> {
        let calls = |worker| -> u64 {
            let subject = Subject { route: Route::WriteInOne, worker };
            measured.iter().filter(|measured| measured.case.subject == subject).map(|measured| measured.calls).sum()
        };
        for worker in [Worker::BareRust, Worker::BareJs] {
            let body = Connection::open(self.port(worker))?.call(&get("/hit/one", None))?.to_vec();
            let count: u64 = std::str::from_utf8(&body)?.parse().context("the counter")?;
            ensure!(count == calls(worker) + 1, "{worker:?}: {} calls left the counter at {count}", calls(worker));
        }
        self.world.settled(&self.shared).await;
        let charged = calls(Worker::Stripeflare) + charged_before;
        let balance = self.world.balance(&self.shared).await;
        ensure!(balance + charged as f64 == PAID as f64, "{charged} calls left a balance of {balance}");
        Ok(())
    }
}
