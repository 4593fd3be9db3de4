//! Calls several things in turn, in slices so short that a machine that drifts slows all of them alike.

use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};

use crate::http::Connection;

/// Not measured, at the start of each slice: the connection is new, and what was idle has to come back.
const WARM_UP_CALLS: u32 = 5;
/// After each slice: what it left to be done later must not be done in the next one.
const PAUSE: Duration = Duration::from_millis(100);

/// One thing to be called.
pub(crate) struct Case {
    pub(crate) subject: Subject,
    pub(crate) port: u16,
    /// One for each connection, in turn.
    pub(crate) requests: Vec<Vec<u8>>,
    pub(crate) connections: usize,
}

/// What is called, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Subject {
    pub(crate) route: Route,
    pub(crate) worker: Worker,
}

/// What a call does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// Nothing.
    Free,
    /// A committed write in the one object that all connections share.
    WriteInOne,
    /// A committed write in each connection's own object.
    WriteInOwn,
}

/// Who answers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Worker {
    BareRust,
    BareJs,
    Stripeflare,
}

/// A case and what was measured of it.
pub(crate) struct Measured {
    pub(crate) case: Case,
    /// All calls that were answered, the ones to warm up too.
    pub(crate) calls: u64,
    rounds: Vec<Round>,
}

struct Round {
    sorted: Vec<Duration>,
    /// Answered before the slice was over, which the last call of each connection was not.
    in_time: usize,
    slice: Duration,
}

/// How long and how often.
#[derive(Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) rounds: usize,
    pub(crate) slice: Duration,
}

/// Measures every case once a round.
pub(crate) fn alternately(cases: Vec<Case>, plan: Plan) -> Result<Vec<Measured>> {
    let mut measured: Vec<_> = cases.into_iter().map(|case| Measured { case, calls: 0, rounds: Vec::new() }).collect();
    let count = measured.len();
    for round in 0..plan.rounds {
        for place in 0..count {
            // Each case runs first, last, and after each of its neighbours.
            let turned = (round + place) % count;
            let Measured { case, calls, rounds } =
                &mut measured[if round % 2 == 0 { turned } else { count - 1 - turned }];
            let round = slice(case, plan.slice)?;
            *calls += round.sorted.len() as u64 + u64::from(WARM_UP_CALLS) * case.connections as u64;
            rounds.push(round);
            thread::sleep(PAUSE);
        }
    }
    Ok(measured)
}

fn slice(case: &Case, length: Duration) -> Result<Round> {
    let start = Barrier::new(case.connections);
    let measured: Result<Vec<_>> = thread::scope(|scope| {
        let threads: Vec<_> = (0..case.connections)
            .map(|index| {
                let (start, request) = (&start, &case.requests[index % case.requests.len()]);
                scope.spawn(move || connection(case.port, request, start, length))
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().map_err(|_| anyhow!("a thread panicked"))?).collect()
    });
    let measured = measured?;
    // A call that hangs past the end must not count as time in which the other connections did nothing.
    let in_time = measured.iter().map(|latencies| latencies.len() - 1).sum();
    let mut sorted = measured.concat();
    sorted.sort_unstable();
    Ok(Round { sorted, in_time, slice: length })
}

fn connection(port: u16, request: &[u8], start: &Barrier, length: Duration) -> Result<Vec<Duration>> {
    let warm = warm_connection(port, request);
    // Also after an error, for the others wait there.
    start.wait();
    let mut connection = warm?;
    let begun = Instant::now();
    let mut latencies = Vec::new();
    let mut last = begun;
    while last - begun < length {
        connection.call(request)?;
        let now = Instant::now();
        latencies.push(now - last);
        last = now;
    }
    Ok(latencies)
}

fn warm_connection(port: u16, request: &[u8]) -> Result<Connection> {
    let mut connection = Connection::open(port)?;
    for _ in 0..WARM_UP_CALLS {
        connection.call(request)?;
    }
    Ok(connection)
}

impl Round {
    fn per_second(&self) -> f64 {
        self.in_time as f64 / self.slice.as_secs_f64()
    }

    fn p50(&self) -> f64 {
        percentile(&self.sorted, 50).as_secs_f64()
    }
}

impl Measured {
    /// In milliseconds, over all rounds.
    pub(crate) fn percentile_ms(&self, percent: usize) -> f64 {
        let mut all: Vec<Duration> = self.rounds.iter().flat_map(|round| round.sorted.iter().copied()).collect();
        all.sort_unstable();
        percentile(&all, percent).as_secs_f64() * 1e3
    }

    /// Requests, over all rounds.
    pub(crate) fn per_second(&self) -> f64 {
        self.rounds.iter().map(Round::per_second).sum::<f64>() / self.rounds.len() as f64
    }

    /// Of the latencies at p50, this by that.
    pub(crate) fn latency_to(&self, anchor: &Self) -> Ratio {
        self.ratio(anchor, Round::p50)
    }

    /// Of the requests per second, this by that.
    pub(crate) fn throughput_to(&self, anchor: &Self) -> Ratio {
        self.ratio(anchor, Round::per_second)
    }

    /// Round by round: over all rounds together, one busy minute of the machine would decide.
    fn ratio(&self, anchor: &Self, of: impl Fn(&Round) -> f64) -> Ratio {
        let rounds = self.rounds.iter().zip(&anchor.rounds);
        let mut ratios: Vec<f64> = rounds.map(|(this, anchor)| of(this) / of(anchor)).collect();
        ratios.sort_unstable_by(f64::total_cmp);
        Ratio { median: percentile(&ratios, 50), low: percentile(&ratios, 10), high: percentile(&ratios, 90) }
    }
}

/// The ratios of all rounds.
pub(crate) struct Ratio {
    pub(crate) median: f64,
    /// Four rounds in five lie between these.
    pub(crate) low: f64,
    pub(crate) high: f64,
}

/// By the nearest rank.
fn percentile<T: Copy>(sorted: &[T], percent: usize) -> T {
    sorted[(sorted.len() * percent).div_ceil(100).saturating_sub(1)]
}
