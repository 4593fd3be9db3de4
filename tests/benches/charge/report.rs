//! What was measured, as tables. Nothing is asserted: a figure that misses its aim is for a person to judge.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;

use anyhow::Result;
use cargo_stripeflare::build::Artifacts;
use cargo_stripeflare::provision;

use crate::measure::{Case, Ratio, Route, Samples, Worker};
use crate::rows::Rows;

const KIB: f64 = 1024.0;

/// What the figures depend on.
pub(crate) fn machine() -> Result<()> {
    let tools = provision::npm(Path::new(env!("CARGO_MANIFEST_DIR")))?;
    let version = Command::new(tools.workerd).arg("--version").output()?.stdout;
    let cores = thread::available_parallelism()?;
    println!("{cores} cores, {}, load {}", String::from_utf8_lossy(&version).trim(), load());
    println!("Absolute figures drift by half from hour to hour, and with whatever else runs: compare only the ratios,");
    println!("and only within one run. In brackets: where the ratios of four rounds in five lie.");
    Ok(())
}

/// Over 1, 5 and 15 minutes, where the system tells.
pub(crate) fn load() -> String {
    let averages = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    match averages.split(' ').take(3).collect::<Vec<_>>().join(" ") {
        load if load.is_empty() => "unknown".to_owned(),
        load => load,
    }
}

/// One client that calls in a row: what matters is the latency.
pub(crate) fn latency(cases: &[Case], samples: &[Samples]) {
    let aim = |route, worker| match (route, worker) {
        (Route::Free, Worker::BareRust) => ", aim ≤ 1.2",
        (Route::WriteInOne, Worker::BareRust) => ", aim ≤ 1.5",
        _ => "",
    };
    println!("\nOne client, one call after the other");
    table(cases, samples, "p50", Samples::latency_to, aim);
}

/// Many clients at once: what matters is how many calls get through.
pub(crate) fn throughput(cases: &[Case], samples: &[Samples]) {
    for connections in [8, 16] {
        let (cases, samples): (Vec<_>, Vec<_>) =
            cases.iter().zip(samples).filter(|(case, _)| case.connections == connections).unzip();
        println!("\n{connections} clients at once");
        table(cases, samples, "requests/s", Samples::throughput_to, |_, _| "");
    }
}
