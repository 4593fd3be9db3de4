//! One line per step of a set-up, on stderr: what is done, why, and how long it took.

use std::env;
use std::io::{self, Write};
use std::time::{Duration, Instant};

use anyhow::Result;

/// Runs a step and says what it does, what for, and how it ended.
pub(crate) fn step<T>(what: &str, why: &str, run: impl FnOnce() -> Result<T>) -> Result<T> {
    let mut output = output();
    // A closed output is no reason to stop.
    let _ = write!(output, "stripeflare: {what}, {why} … ").and_then(|()| output.flush());
    let started = Instant::now();
    let result = run();
    let ended = if result.is_ok() { "done" } else { "failed" };
    let _ = writeln!(output, "{ended} after {}", seconds(started.elapsed()));
    result
}

/// One line that is no step.
pub(crate) fn note(text: &str) {
    let _ = writeln!(output(), "stripeflare: {text}");
}

/// wrangler puts a red mark before each line that its build command prints on stderr, as if it were an error.
pub(crate) fn is_under_wrangler() -> bool {
    env::var_os("WRANGLER_COMMAND").is_some()
}

fn output() -> Box<dyn Write> {
    if is_under_wrangler() { Box::new(io::stdout()) } else { Box::new(io::stderr()) }
}

/// `4.2 s`, `95 s`.
pub(crate) fn seconds(elapsed: Duration) -> String {
    let seconds = elapsed.as_secs_f64();
    if seconds < 10.0 { format!("{seconds:.1} s") } else { format!("{seconds:.0} s") }
}
