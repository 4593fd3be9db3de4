//! One line on stderr per step of a set-up: what is done, why, and how long it took.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use anyhow::Result;

/// Runs a step and says on stderr what it does, what for, and how it ended.
pub(crate) fn step<T>(what: &str, why: &str, run: impl FnOnce() -> Result<T>) -> Result<T> {
    let mut stderr = io::stderr();
    // A closed stderr is no reason to stop.
    let _ = write!(stderr, "stripeflare: {what}, {why} … ").and_then(|()| stderr.flush());
    let started = Instant::now();
    let result = run();
    let ended = if result.is_ok() { "done" } else { "failed" };
    let _ = writeln!(stderr, "{ended} after {}", seconds(started.elapsed()));
    result
}

/// One line that is no step.
pub(crate) fn note(text: &str) {
    let _ = writeln!(io::stderr(), "stripeflare: {text}");
}

/// `4.2 s`, `95 s`.
pub(crate) fn seconds(elapsed: Duration) -> String {
    let seconds = elapsed.as_secs_f64();
    if seconds < 10.0 { format!("{seconds:.1} s") } else { format!("{seconds:.0} s") }
}
