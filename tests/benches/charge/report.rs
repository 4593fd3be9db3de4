//! What was measured, as a page of Markdown. Nothing is asserted: a figure that misses its aim is for a person to judge.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;

use anyhow::Result;
use cargo_stripeflare::provision;
use cargo_stripeflare::workerd::COMPATIBILITY_DATE;

use crate::chart;
use crate::growth::Grown;
use crate::measure::{Measured, Ratio, Route, Subject, Worker};
use crate::rows::Rows;
use crate::size::{self, PerRoute};
use crate::subjects::CLIENTS;

/// One ratio to the bare worker in Rust.
pub(crate) struct Figure {
    pub(crate) name: String,
    pub(crate) ratio: Ratio,
    pub(crate) aim: Option<Aim>,
}

/// What a ratio is to be.
#[derive(Clone, Copy)]
pub(crate) enum Aim {
    AtMost(f64),
    AtLeast(f64),
}

pub(crate) struct Report {
    page: String,
    figures: Vec<Figure>,
}

impl Report {
    /// Says what the figures depend on.
    pub(crate) fn begin() -> Result<Self> {
        let tools = provision::npm(Path::new(env!("CARGO_MANIFEST_DIR")))?;
        let version = Command::new(tools.workerd).arg("--version").output()?.stdout;
        let cores = thread::available_parallelism()?;
        let date = Command::new("date").args(["-u", "+%Y-%m-%d"]).output()?.stdout;
        let page = format!(
            "# Performance

What a priced call costs beside a bare worker that was written without stripeflare: both answer a `POST` with a small body of JSON,
and ask an object that commits one `UPDATE`. They run on the same runtime with the same compatibility date, in slices that
alternate. `cargo bench -p tests --bench charge -- --write` measured this and wrote the page; absolute figures drift by half from
hour to hour, so look at the ratios. Each is the median of all rounds, and four rounds in five lie within the range beside it.

{}, {cores} cores, {}, compatibility date {COMPATIBILITY_DATE}, load {} at the start.

![The ratios as bars](performance.svg)

",
            String::from_utf8_lossy(&date).trim(),
            String::from_utf8_lossy(&version).trim(),
            load(),
        );
        Ok(Self { page, figures: Vec::new() })
    }

    /// What matters to a client that calls in a row is the latency.
    pub(crate) fn one_client(&mut self, measured: &[Measured]) {
        self.title("One client, one call after the other");
        self.absolute(measured);
        let begun = self.figures.len();
        self.figure("p50 of a free route", Route::Free, measured, Measured::p50_to, None);
        let priced = Route::WriteInOne;
        self.figure("p50 of a priced call", priced, measured, Measured::p50_to, Some(Aim::AtMost(1.25)));
        self.figure("p99 of a priced call", priced, measured, Measured::p99_to, Some(Aim::AtMost(1.5)));
        self.figure("CPU for a priced call", priced, measured, Measured::cpu_to, Some(Aim::AtMost(1.5)));
        self.ratios(begun);
    }

    /// What matters to many at once is how many calls get through.
    pub(crate) fn many_clients(&mut self, measured: &[Measured]) {
        self.title(&format!("{CLIENTS} clients at once"));
        self.absolute(measured);
        let begun = self.figures.len();
        let aim = Some(Aim::AtLeast(0.85));
        self.figure("requests/s, one account", Route::WriteInOne, measured, Measured::per_second_to, aim);
        self.figure("requests/s, an account each", Route::WriteInOwn, measured, Measured::per_second_to, aim);
        self.ratios(begun);
    }

    /// What Cloudflare bills.
    pub(crate) fn rows(&mut self, rows: &Rows) {
        self.title("Rows written and requests to the account's object, for a priced call");
        self.page.push_str("\n| | rows | requests |\n|---|---|---|\n");
        for (name, per_call) in [("calls 3 s apart", &rows.lone), ("calls in a row", &rows.in_a_row)] {
            let _ = writeln!(self.page, "| {name} | {:.2} | {:.2} |", per_call.rows, per_call.commands);
        }
        self.page.push_str("\nWithout the aggregate's rows, and without those of alarms, which show in no cursor.\n");
    }

    /// Beside the first one, which is the bare worker.
    pub(crate) fn others(&mut self, measured: &[Measured]) {
        self.title("Other calls");
        self.absolute(measured);
        let begun = self.figures.len();
        for this in &measured[1..] {
            let ratio = this.p50_to(&measured[0]);
            self.figures.push(Figure { name: format!("p50 of {}", name(this.subject)), ratio, aim: None });
        }
        self.ratios(begun);
    }

    pub(crate) fn growth(&mut self, grown: &[Grown]) {
        self.title("An account with many lines");
        let begun = self.figures.len();
        for Grown { lines, ratio } in grown {
            self.figures.push(Figure { name: format!("p50 at {lines} lines"), ratio: *ratio, aim: None });
        }
        self.ratios(begun);
    }

    /// A worker that nobody has called yet.
    pub(crate) fn fresh(&mut self, ratio: Ratio) {
        self.title("A fresh process");
        let name = "the quickstart's first answer".to_owned();
        self.figures.push(Figure { name, ratio, aim: Some(Aim::AtMost(1.35)) });
        self.ratios(self.figures.len() - 1);
    }

    /// What is uploaded.
    pub(crate) fn sizes(&mut self, workers: [&str; 3]) -> Result<()> {
        self.title("Size");
        self.page.push_str("\n| WebAssembly and JavaScript | KiB | gzipped |\n|---|---|---|\n");
        for worker in workers {
            let artifacts = size::of_worker(worker)?;
            let (raw, gzipped) = (kib(artifacts.raw_bytes), kib(artifacts.gzip_bytes));
            let _ = writeln!(self.page, "| `{worker}` | {raw:.1} | {gzipped:.1} |");
        }
        Ok(())
    }

    /// What the next route will add.
    pub(crate) fn per_route(&mut self, added: &PerRoute) {
        let _ = writeln!(self.page, "| each further route | {:.1} | {:.1} |", kib(added.raw), kib(added.gzipped));
    }

    /// The page and its chart.
    pub(crate) fn end(self) -> (String, String) {
        (self.page, chart::of(&self.figures))
    }

    fn title(&mut self, title: &str) {
        println!("{title}; load {}", load());
        let _ = write!(self.page, "\n## {title}\n");
    }

    fn absolute(&mut self, measured: &[Measured]) {
        self.page.push_str("\n| | p50 ms | p99 ms | CPU ms | requests/s |\n|---|---|---|---|---|\n");
        for this in measured {
            let (p50, p99, cpu) = (this.percentile_ms(50), this.percentile_ms(99), this.cpu_ms());
            let (name, per_second) = (name(this.subject), this.per_second());
            let _ = writeln!(self.page, "| {name} | {p50:.2} | {p99:.2} | {cpu:.2} | {per_second:.0} |");
        }
    }

    /// Stripeflare by the bare worker in Rust.
    fn figure(
        &mut self,
        name: &str,
        route: Route,
        measured: &[Measured],
        ratio: fn(&Measured, &Measured) -> Ratio,
        aim: Option<Aim>,
    ) {
        let by = |worker| measured.iter().find(|measured| measured.subject == Subject { route, worker });
        if let (Some(this), Some(bare)) = (by(Worker::Stripeflare), by(Worker::BareRust)) {
            self.figures.push(Figure { name: name.to_owned(), ratio: ratio(this, bare), aim });
        }
    }

    /// Those from one on.
    fn ratios(&mut self, begun: usize) {
        self.page.push_str("\n| × the bare worker in Rust | median | range | aim |\n|---|---|---|---|\n");
        for Figure { name, ratio: Ratio { median, low, high }, aim } in &self.figures[begun..] {
            let aim = match aim {
                Some(Aim::AtMost(most)) => format!("≤ {most}"),
                Some(Aim::AtLeast(least)) => format!("≥ {least}"),
                None => String::new(),
            };
            let _ = writeln!(self.page, "| {name} | {median:.2} | {low:.2}–{high:.2} | {aim} |");
        }
    }
}

/// Over 1, 5 and 15 minutes, where the system tells.
fn load() -> String {
    let averages = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    averages.split(' ').take(3).collect::<Vec<_>>().join(" ")
}

fn name(subject: Subject) -> String {
    let route = match (subject.route, subject.worker) {
        (Route::Free, _) => "a free route",
        (Route::WriteInOne, Worker::Stripeflare) => "a priced call, one account",
        (Route::WriteInOwn, Worker::Stripeflare) => "a priced call, an account each",
        (Route::WriteInOne, _) => "an `UPDATE`, one object",
        (Route::WriteInOwn, _) => "an `UPDATE`, an object each",
        (Route::Me, _) => "`/me`",
        (Route::PaymentRequired, _) => "a 402",
        (Route::AfterTheFact, _) => "an answer with `X-Price`",
        (Route::Idempotent, _) => "a priced call with an `Idempotency-Key`",
        (Route::Webhook, _) => "a webhook of a payment",
    };
    match subject.worker {
        Worker::BareRust => format!("{route}; bare, Rust"),
        Worker::BareJs => format!("{route}; bare, JavaScript"),
        Worker::Stripeflare => route.to_owned(),
    }
}

fn kib(bytes: u64) -> f64 {
    bytes as f64 / 1024.0
}
