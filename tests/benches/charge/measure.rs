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

/// What was measured of one [`Case`].
#[derive(Default)]
pub(crate) struct Samples {
    rounds: Vec<Round>,
    /// All calls that were answered, the ones to warm up too.
    pub(crate) calls: u64,
}

struct Round {
    sorted: Vec<Duration>,
    elapsed: Duration,
}

/// How long and how often.
#[derive(Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) rounds: usize,
    pub(crate) slice: Duration,
}

/// Measures every case once a round.
pub(crate) fn alternately(cases: &[Case], plan: Plan) -> Result<Vec<Samples>> {
    let mut samples: Vec<Samples> = cases.iter().map(|_| Samples::default()).collect();
    for round in 0..plan.rounds {
        for place in 0..cases.len() {
            // Each case runs first, last, and after each of its neighbours.
            let turned = (round + place) % cases.len();
            let index = if round % 2 == 0 { turned } else { cases.len() - 1 - turned };
            let measured = slice(&cases[index], plan.slice)?;
            samples[index].calls += measured.sorted.len() as u64;
            samples[index].calls += u64::from(WARM_UP_CALLS) * cases[index].connections as u64;
            samples[index].rounds.push(measured);
            thread::sleep(PAUSE);
        }
    }
    Ok(samples)
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
    let elapsed = measured.iter().map(|(_, elapsed)| *elapsed).max().unwrap_or_default();
    let mut sorted: Vec<Duration> = measured.into_iter().flat_map(|(latencies, _)| latencies).collect();
    sorted.sort_unstable();
    Ok(Round { sorted, elapsed })
}

fn connection(port: u16, request: &[u8], start: &Barrier, length: Duration) -> Result<(Vec<Duration>, Duration)> {
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
    Ok((latencies, last - begun))
}

fn warm_connection(port: u16, request: &[u8]) -> Result<Connection> {
    let mut connection = Connection::open(port)?;
    for _ in 0..WARM_UP_CALLS {
        connection.call(request)?;
    }
    Ok(connection)
}

impl Samples {
    /// In milliseconds, over all rounds.
    pub(crate) fn percentile_ms(&self, percent: usize) -> f64 {
        let mut all: Vec<Duration> = self.rounds.iter().flat_map(|round| round.sorted.iter().copied()).collect();
        all.sort_unstable();
        percentile(&all, percent).as_secs_f64() * 1e3
    }

    pub(crate) fn per_second(&self) -> f64 {
        let (count, elapsed) =
            self.rounds.iter().fold((0, 0.0), |(count, elapsed), round| (count + round.sorted.len(), elapsed + round.elapsed.as_secs_f64()));
        count as f64 / elapsed
    }

    /// Of the latencies at p50, this by that, over all rounds.
    pub(crate) fn latency_to(&self, anchor: &Self) -> Ratio {
        Ratio::new(self.percentile_ms(50) / anchor.percentile_ms(50), self, anchor, |round| percentile(&round.sorted, 50).as_secs_f64())
    }

    /// Of the requests per second, this by that, over all rounds.
    pub(crate) fn throughput_to(&self, anchor: &Self) -> Ratio {
        Ratio::new(self.per_second() / anchor.per_second(), self, anchor, |round| round.sorted.len() as f64 / round.elapsed.as_secs_f64())
    }
}

/// A ratio, and how far single rounds were from it.
#[derive(Clone, Copy)]
pub(crate) struct Ratio {
    pub(crate) all: f64,
    /// Four rounds in five lie between these.
    pub(crate) low: f64,
    pub(crate) high: f64,
}

impl Ratio {
    fn new(all: f64, this: &Samples, anchor: &Samples, of: impl Fn(&Round) -> f64) -> Self {
        let mut ratios: Vec<f64> =
            this.rounds.iter().zip(&anchor.rounds).map(|(this, anchor)| of(this) / of(anchor)).collect();
        ratios.sort_unstable_by(f64::total_cmp);
        Self { all, low: percentile(&ratios, 10), high: percentile(&ratios, 90) }
    }
}

/// By the nearest rank.
fn percentile<T: Copy>(sorted: &[T], percent: usize) -> T {
    sorted[(sorted.len() * percent).div_ceil(100).saturating_sub(1)]
}
