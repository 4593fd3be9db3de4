//! What a charged call costs, beside a worker and an object that do the same without stripeflare.
//!
//! `cargo bench -p tests --bench charge [-- [--quick] [--size] [--lines <most>] [--write]]`

mod chart;
mod fresh;
mod growth;
mod http;
mod measure;
mod report;
mod rows;
mod size;
mod subjects;

use std::env;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::measure::{Plan, Route, Subject, Worker, alternately};
use crate::report::Report;
use crate::subjects::{CLIENTS, Subjects};

/// What the command line asks for.
struct Arguments {
    /// `cargo bench` says so; `cargo test` does not.
    bench: bool,
    /// Long enough to see that all works, too short to believe the figures.
    quick: bool,
    /// Build twice more, to see what a route adds.
    size: bool,
    /// As many lines as an account gets.
    lines: usize,
    /// Into `docs/performance.md`, with its chart.
    write: bool,
}

impl Arguments {
    fn parse() -> Result<Self> {
        let mut arguments = Self { bench: false, quick: false, size: false, lines: 100_000, write: false };
        let mut words = env::args().skip(1);
        while let Some(word) = words.next() {
            match word.as_str() {
                "--bench" => arguments.bench = true,
                "--quick" => arguments.quick = true,
                "--size" => arguments.size = true,
                "--lines" => arguments.lines = words.next().context("--lines wants a number")?.parse()?,
                "--write" => arguments.write = true,
                other => bail!("unknown argument {other}: there are --quick, --size, --lines and --write"),
            }
        }
        if arguments.quick {
            arguments.lines = arguments.lines.min(1_000);
        }
        Ok(arguments)
    }

    fn plan(&self) -> Plan {
        match self.quick {
            true => Plan { rounds: 3, slice: Duration::from_millis(100) },
            false => Plan { rounds: 20, slice: Duration::from_millis(300) },
        }
    }

    /// A hundred times as many each time.
    fn sizes(&self) -> Vec<usize> {
        std::iter::successors(Some(10), |lines| Some(lines * 100))
            .take_while(|lines| *lines < self.lines)
            .chain([self.lines])
            .collect()
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse()?;
    if !arguments.bench {
        return Ok(());
    }
    let plan = arguments.plan();
    let mut subjects = Subjects::start().await?;
    let mut report = Report::begin()?;

    let apart = Duration::from_secs(if arguments.quick { 1 } else { 3 });
    let rows = rows::count(&subjects.world, &subjects.shared, apart).await?;

    let cases = [Route::Free, Route::WriteInOne].into_iter().flat_map(|route| subjects.beside(route, 1));
    let mut measured = alternately(&cases.collect::<Vec<_>>(), plan)?;
    report.one_client(&measured);

    let cases = [Route::WriteInOne, Route::WriteInOwn].into_iter().flat_map(|route| subjects.beside(route, CLIENTS));
    let many = alternately(&cases.collect::<Vec<_>>(), plan)?;
    report.many_clients(&many);
    measured.extend(many);
    subjects.check(&measured, rows::CALLS).await?;
    report.rows(&rows);

    let anchor = Subject { route: Route::WriteInOne, worker: Worker::BareRust };
    let others = [Route::Me, Route::PaymentRequired, Route::AfterTheFact, Route::Idempotent, Route::Webhook];
    let others = others.map(|route| Subject { route, worker: Worker::Stripeflare });
    let cases = [anchor].into_iter().chain(others).map(|subject| subjects.case(subject, 1));
    report.others(&alternately(&cases.collect::<Vec<_>>(), plan)?);

    report.growth(&growth::with_lines(&subjects, &arguments.sizes(), plan).await?);
    report.fresh(fresh::first_answers(&mut subjects.rust, plan.rounds).await?);
    report.sizes(["examples/quickstart", "tests/without-features", "tests/bare"])?;
    if arguments.size {
        report.per_route(&size::per_route()?);
    }
    let (page, chart) = report.end();
    println!("{page}");
    if arguments.write {
        let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
        fs::write(docs.join("performance.md"), page)?;
        fs::write(docs.join("performance.svg"), chart)?;
    }
    Ok(())
}
