//! What a charged call costs, beside a worker and an object that do the same without stripeflare.
//!
//! `cargo bench -p tests --bench charge [-- [--quick] [--size]]`

mod http;
mod measure;
mod report;
mod rows;
mod size;
mod subjects;

use std::env;
use std::time::Duration;

use anyhow::{Result, bail};

use crate::measure::{Plan, Route, alternately};
use crate::subjects::{CLIENTS, Subjects};

/// What the command line asks for.
#[derive(Default)]
struct Arguments {
    /// `cargo bench` says so; `cargo test` does not.
    bench: bool,
    /// Long enough to see that all works, too short to believe the figures.
    quick: bool,
    /// Build twice more, to see what a route adds.
    size: bool,
}

impl Arguments {
    fn parse() -> Result<Self> {
        let mut arguments = Self::default();
        for argument in env::args().skip(1) {
            match argument.as_str() {
                "--bench" => arguments.bench = true,
                "--quick" => arguments.quick = true,
                "--size" => arguments.size = true,
                other => bail!("unknown argument {other}: there are --quick and --size"),
            }
        }
        Ok(arguments)
    }

    fn plan(&self) -> Plan {
        match self.quick {
            true => Plan { rounds: 3, slice: Duration::from_millis(100) },
            false => Plan { rounds: 20, slice: Duration::from_millis(300) },
        }
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse()?;
    if !arguments.bench {
        return Ok(());
    }
    let subjects = Subjects::start().await?;
    report::machine()?;

    let rows = rows::count(&subjects.world, &subjects.shared).await?;
    let cases = [Route::Free, Route::WriteInOne].into_iter().flat_map(|route| subjects.cases(route, 1));
    let mut measured = alternately(cases.collect(), arguments.plan())?;
    report::latency(&measured);

    let routes = [Route::Free, Route::WriteInOne, Route::WriteInOwn];
    let cases = CLIENTS.into_iter().flat_map(|clients| routes.map(|route| subjects.cases(route, clients))).flatten();
    measured.extend(alternately(cases.collect(), arguments.plan())?);
    report::throughput(&measured);
    subjects.check(&measured, rows::CALLS).await?;

    report::rows(&rows);
    println!("\nSize");
    report::size("quickstart", &size::of_worker("examples/quickstart")?, ", aim ≤ 250 KiB")?;
    report::size("tests/worker", &size::of_worker("tests/worker")?, "")?;
    report::size("tests/bare", &size::of_worker("tests/bare")?, "")?;
    if arguments.size {
        report::per_route(&size::per_route()?);
    }
    Ok(())
}
