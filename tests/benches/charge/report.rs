//! What was measured, as tables. Nothing is asserted: a figure that misses its aim is for a person to judge.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;

use anyhow::Result;
use cargo_stripeflare::build::Artifacts;
use cargo_stripeflare::provision;

use crate::measure::{Measured, Ratio, Route, Subject, Worker};
use crate::rows::Rows;
use crate::size::PerRoute;
use crate::subjects::CLIENTS;

/// What the figures depend on.
pub(crate) fn machine() -> Result<()> {
    let tools = provision::npm(Path::new(env!("CARGO_MANIFEST_DIR")))?;
    let version = Command::new(tools.workerd).arg("--version").output()?.stdout;
    let cores = thread::available_parallelism()?;
    println!("{cores} cores, {}, load {}", String::from_utf8_lossy(&version).trim(), load());
    println!("Absolute figures drift by half from hour to hour, and with whatever else runs: compare only the ratios,");
    println!("only within one run, and only of an idle machine: on a busy one the scheduler decides, which hides what");
    println!("differs. A ratio is the median of all rounds; four rounds in five lie between those in brackets.");
    Ok(())
}

/// Over 1, 5 and 15 minutes, where the system tells.
fn load() -> String {
    let averages = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    match averages.split(' ').take(3).collect::<Vec<_>>().join(" ") {
        load if load.is_empty() => "unknown".to_owned(),
        load => load,
    }
}

/// One client that calls in a row: what matters is the latency.
pub(crate) fn latency(measured: &[Measured]) {
    println!("\nOne client, one call after the other; ratios of p50; load {}", load());
    table(&measured.iter().collect::<Vec<_>>(), Measured::latency_to, |route| match route {
        Route::Free => ", aim ≤ 1.2",
        Route::WriteInOne | Route::WriteInOwn => ", aim ≤ 1.5",
    });
}

/// Many clients at once: what matters is how many calls get through.
pub(crate) fn throughput(measured: &[Measured]) {
    for connections in CLIENTS {
        let measured = measured.iter().filter(|measured| measured.case.connections == connections);
        println!("\n{connections} clients at once; ratios of requests/s; load {}", load());
        table(&measured.collect::<Vec<_>>(), Measured::throughput_to, |_| "");
    }
}

fn table(measured: &[&Measured], ratio: fn(&Measured, &Measured) -> Ratio, aim: fn(Route) -> &'static str) {
    println!("{:<44}{:>9}{:>9}{:>12}", "", "p50 ms", "p99 ms", "requests/s");
    for this in measured {
        let Subject { route, worker } = this.case.subject;
        let (p50, p99) = (this.percentile_ms(50), this.percentile_ms(99));
        println!("{:<44}{p50:>9.3}{p99:>9.3}{:>12.0}", name(this.case.subject), this.per_second());
        if worker != Worker::Stripeflare {
            continue;
        }
        for (anchor, aim) in [(Worker::BareRust, aim(route)), (Worker::BareJs, "")] {
            let subject = Subject { route, worker: anchor };
            let Some(found) = measured.iter().find(|measured| measured.case.subject == subject) else { continue };
            let Ratio { median, low, high } = ratio(this, found);
            println!("    {median:.2} × {} [{low:.2} to {high:.2}]{aim}", name(subject));
        }
    }
}

fn name(subject: Subject) -> String {
    let worker = match subject.worker {
        Worker::BareRust => "bare, Rust",
        Worker::BareJs => "bare, JavaScript",
        Worker::Stripeflare => "stripeflare",
    };
    let route = match (subject.route, subject.worker) {
        (Route::Free, _) => "free route",
        (Route::WriteInOne, Worker::Stripeflare) => "priced, one account",
        (Route::WriteInOwn, Worker::Stripeflare) => "priced, an account each",
        (Route::WriteInOne, _) => "UPDATE, one object",
        (Route::WriteInOwn, _) => "UPDATE, an object each",
    };
    format!("{route} ({worker})")
}

/// What Cloudflare bills.
pub(crate) fn rows(rows: &Rows) {
    println!("\nPer charged call, in its object; an alarm's row shows in no cursor and is not counted");
    println!("    calls that come alone: {}, aim ≤ 3 rows", rows.lone);
    println!("    one after the other:   {}, aim ≤ 2 rows", rows.in_a_row);
}

/// What is uploaded: the wasm and the JavaScript around it.
pub(crate) fn size(worker: &str, artifacts: &Artifacts, aim: &str) -> Result<()> {
    let wasm = fs::metadata(&artifacts.wasm)?.len();
    println!(
        "    {worker}: wasm {}, with its JavaScript {}, gzipped {}{aim}",
        kib(wasm),
        kib(artifacts.raw_bytes),
        kib(artifacts.gzip_bytes)
    );
    Ok(())
}

/// What the next route will add.
pub(crate) fn per_route(added: &PerRoute) {
    println!("    per added route: {}, gzipped {}, aim ≤ 4 KiB", kib(added.raw), kib(added.gzipped));
}

fn kib(bytes: u64) -> String {
    format!("{:.1} KiB", bytes as f64 / 1024.0)
}
