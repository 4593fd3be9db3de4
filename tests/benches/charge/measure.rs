//! Calls several things in turn, in slices so short that a machine that drifts slows all of them alike.

use std::fs;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};

use crate::http::{Connection, Request};

/// Not measured, at the start of each slice: the connection is new, and what was idle has to come back.
const WARM_UP_CALLS: usize = 5;
/// After each slice: what it left to be done later must not be done in the next one.
const PAUSE: Duration = Duration::from_millis(100);

/// One thing to be called.
pub(crate) struct Case<'a> {
    pub(crate) subject: Subject,
    pub(crate) port: u16,
    /// The process that answers.
    pub(crate) pid: u32,
    /// What a connection sends next, by its place among them.
    pub(crate) request: Box<dyn Fn(usize) -> Request + Sync + 'a>,
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
    /// `GET /me` with a token.
    Me,
    /// A priced call of somebody who has nothing.
    PaymentRequired,
    /// A priced call with an `Idempotency-Key` of its own.
    Idempotent,
    /// A route without a price, whose answer names one in `X-Price`.
    AfterTheFact,
    /// A payment that Stripe tells of.
    Webhook,
}

/// Who answers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Worker {
    BareRust,
    BareJs,
    Stripeflare,
}

/// What was measured of a case.
pub(crate) struct Measured {
    pub(crate) subject: Subject,
    /// All calls that were answered, the ones to warm up too.
    pub(crate) calls: usize,
    rounds: Vec<Round>,
}

struct Round {
    sorted: Vec<Duration>,
    /// Answered before the slice was over, which the last call of each connection was not.
    in_time: usize,
    slice: Duration,
    /// Of the process, for each call; where the system tells.
    cpu: f64,
}

/// How long and how often.
#[derive(Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) rounds: usize,
    pub(crate) slice: Duration,
}

/// Measures every case once a round.
pub(crate) fn alternately(cases: &[Case<'_>], plan: Plan) -> Result<Vec<Measured>> {
    let empty = |case: &Case<'_>| Measured { subject: case.subject, calls: 0, rounds: Vec::new() };
    let mut measured: Vec<_> = cases.iter().map(empty).collect();
    let count = measured.len();
    for round in 0..plan.rounds {
        for place in 0..count {
            // Each case runs first, last, and after each of its neighbours.
            let turned = (round + place) % count;
            let turned = if round % 2 == 0 { turned } else { count - 1 - turned };
            let (calls, round) = slice(&cases[turned], plan.slice)?;
            measured[turned].calls += calls;
            measured[turned].rounds.push(round);
        }
    }
    Ok(measured)
}

fn slice(case: &Case<'_>, length: Duration) -> Result<(usize, Round)> {
    let start = Barrier::new(case.connections);
    let before = cpu_s(case.pid);
    let measured: Result<Vec<_>> = thread::scope(|scope| {
        let threads: Vec<_> = (0..case.connections)
            .map(|place| {
                let start = &start;
                scope.spawn(move || connection(case, place, start, length))
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().map_err(|_| anyhow!("a thread panicked"))?).collect()
    });
    let measured = measured?;
    thread::sleep(PAUSE);
    // A call that hangs past the end must not count as time in which the other connections did nothing.
    let in_time = measured.iter().map(|latencies| latencies.len() - 1).sum();
    let mut sorted = measured.concat();
    sorted.sort_unstable();
    let calls = sorted.len() + WARM_UP_CALLS * case.connections;
    let cpu = (cpu_s(case.pid) - before) / calls as f64;
    Ok((calls, Round { sorted, in_time, slice: length, cpu }))
}

/// What the threads of a process have computed, in seconds.
fn cpu_s(pid: u32) -> f64 {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let of_task = |task: fs::DirEntry| fs::read_to_string(task.path().join("schedstat")).ok();
    let nanoseconds = |told: String| told.split(' ').next().and_then(|first| first.parse::<u64>().ok());
    tasks.filter_map(of_task).filter_map(nanoseconds).sum::<u64>() as f64 / 1e9
}

fn connection(case: &Case<'_>, place: usize, start: &Barrier, length: Duration) -> Result<Vec<Duration>> {
    let warm = warm_connection(case, place);
    // Also after an error, for the others wait there.
    start.wait();
    let mut connection = warm?;
    let begun = Instant::now();
    let mut latencies = Vec::new();
    while begun.elapsed() < length {
        let request = (case.request)(place);
        let sent = Instant::now();
        connection.call(&request)?;
        latencies.push(sent.elapsed());
    }
    Ok(latencies)
}

fn warm_connection(case: &Case<'_>, place: usize) -> Result<Connection> {
    let mut connection = Connection::open(case.port)?;
    for _ in 0..WARM_UP_CALLS {
        connection.call(&(case.request)(place))?;
    }
    Ok(connection)
}

impl Round {
    pub(crate) fn per_second(&self) -> f64 {
        self.in_time as f64 / self.slice.as_secs_f64()
    }

    fn p50(&self) -> f64 {
        percentile(&self.sorted, 50).as_secs_f64()
    }

    fn p99(&self) -> f64 {
        percentile(&self.sorted, 99).as_secs_f64()
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

    /// Computed for a call, over all rounds, in milliseconds.
    pub(crate) fn cpu_ms(&self) -> f64 {
        self.rounds.iter().map(|round| round.cpu).sum::<f64>() / self.rounds.len() as f64 * 1e3
    }

    /// Of the latencies at p50, this by that.
    pub(crate) fn p50_to(&self, anchor: &Self) -> Ratio {
        self.ratio(anchor, Round::p50)
    }

    /// Of the latencies at p99.
    pub(crate) fn p99_to(&self, anchor: &Self) -> Ratio {
        self.ratio(anchor, Round::p99)
    }

    /// Of what is computed for a call.
    pub(crate) fn cpu_to(&self, anchor: &Self) -> Ratio {
        self.ratio(anchor, |round| round.cpu)
    }

    /// Of the requests per second.
    pub(crate) fn per_second_to(&self, anchor: &Self) -> Ratio {
        self.ratio(anchor, Round::per_second)
    }

    /// Round by round: over all rounds together, one busy minute of the machine would decide.
    fn ratio(&self, anchor: &Self, of: impl Fn(&Round) -> f64) -> Ratio {
        let rounds = self.rounds.iter().zip(&anchor.rounds);
        Ratio::of(rounds.map(|(this, anchor)| of(this) / of(anchor)).collect())
    }
}

/// The ratios of all rounds.
#[derive(Clone, Copy)]
pub(crate) struct Ratio {
    pub(crate) median: f64,
    /// Four rounds in five lie between these.
    pub(crate) low: f64,
    pub(crate) high: f64,
}

impl Ratio {
    pub(crate) fn of(mut ratios: Vec<f64>) -> Self {
        ratios.sort_unstable_by(f64::total_cmp);
        Self { median: percentile(&ratios, 50), low: percentile(&ratios, 10), high: percentile(&ratios, 90) }
    }
}

/// By the nearest rank.
fn percentile<T: Copy>(sorted: &[T], percent: usize) -> T {
    sorted[(sorted.len() * percent).div_ceil(100).saturating_sub(1)]
}
