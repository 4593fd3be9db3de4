//! The sweep for what no webhook told: payments, refunds and disputes.

use std::collections::HashSet;
use std::fmt;
use std::io;
use std::str::FromStr;

use stripeflare_core::aggregate::{Due, Sweep, Track, Window};
use stripeflare_core::clock::now;
use stripeflare_core::protocol::aggregate::{NotAgain, ReadDue, ReadSweep, Swept, ToJudge, TryAgain, Unknown};
use stripeflare_core::protocol::directory::Place;
use stripeflare_core::protocol::{Aggregate, Command};
use stripeflare_core::stripe::{CheckoutSession, Verdict, session_key};
use worker::Env;

use crate::deployment::stripe_api::{Api, ApiError, api};
use crate::deployment::{Deployment, payment_link, payments};
use crate::error::{Error, Kind, Result};
use crate::js::log_error;
use crate::object::ObjectError;

/// Requests that one run makes, to Stripe and to objects of ours. Cloudflare's free plan allows fifty; the rest is for what is
/// tried again. The next run goes on where it ended.
const MAX_REQUESTS: u32 = 40;
/// What is asked about again leaves so many of them to what is new.
const FOR_NEW: u32 = 16;
/// What one payment, refund or dispute takes, and how far the run has come after it.
const EACH: u32 = 7;
/// What a page takes, whether what is on it is known, and how far the run has come.
const PAGE: u32 = 3;
/// What failed before, in one run.
const AGAIN: i64 = 5;
/// What has not ended. It is not handed out again for hours, so it has to fit in.
const OPEN: i64 = 2;
/// With so many errors of Stripe's in one run it is in trouble itself.
const MAX_ERRORS: u32 = 3;

/// What one run of [`reconcile`] found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reconciled {
    /// Completed sessions of the payment link that were looked at.
    pub sessions: u32,
    /// Payments credited now: their webhooks never came, or are late.
    pub credited: u32,
    /// Payments that can be credited to nobody, recorded now for the operator.
    pub unclaimed: u32,
    /// Refunds and disputes that Stripe was asked about.
    pub reversals: u32,
    /// What could not be done now and is tried again by later runs.
    pub failed: u32,
    /// Requests that were made, to Stripe and to Durable Objects.
    pub requests: u32,
    /// Whether the run came to the end of what there is; if not, the next one goes on.
    pub complete: bool,
}

/// Finds what no webhook told: credits payments, and takes refunds and disputes. For a cron trigger, once an hour or so; it may
/// run as often as you like.
///
/// It asks Stripe for the completed Checkout Sessions of the payment link, back to thirty days before the last pass, and for
/// the events of refunds and disputes since then. It asks again about what could not be done before, about refunds that are
/// pending and disputes that are open, and about money that nobody was credited for and that today's variables may credit.
/// What is known already stays as it is; a webhook that comes after the sweep changes nothing. Payments for another version of
/// the application are not credited, and those from before this version's data began not recorded either.
///
/// A run makes about forty requests, to Stripe and to its own Durable Objects, so that it fits Cloudflare's free plan, which allows
/// fifty, and stores how far it came. On a paid plan it may be run until it is `complete`.
///
/// ```no_run
/// # use stripeflare::prelude::*;
/// fn app() -> App {
///     App::new().scheduled(|_event, env| async move { stripeflare::reconcile(&env).await.map(drop) })
/// }
/// ```
///
/// # Errors
/// When a variable is missing or does not fit the payment link, or Stripe or the aggregate could not be asked. What was done
/// until then stands.
pub async fn reconcile(env: &Env) -> Result<Reconciled> {
    let deployment = Deployment::new(env, crate::deployment::version()).map_err(io::Error::other)?;
    let mut run = Run {
        api: api(&deployment),
        deployment: &deployment,
        most: MAX_REQUESTS - FOR_NEW,
        errors: 0,
        trouble: None,
        done: Reconciled::default(),
    };
    let result = run.go().await;
    run.done.requests = deployment.stubs.requests.get();
    worker::console_log!("reconcile: {:?}", run.done);
    result.map(|()| run.done)
}

/// What is done by itself, and again if it fails.
enum Task {
    Payment(String),
    Refund(String),
    Dispute(String),
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, id) = match self {
            Self::Payment(id) => ("payment", id),
            Self::Refund(id) => ("refund", id),
            Self::Dispute(id) => ("dispute", id),
        };
        write!(f, "{kind} {id}")
    }
}

impl FromStr for Task {
    type Err = io::Error;

    fn from_str(text: &str) -> io::Result<Self> {
        match text.split_once(' ') {
            Some(("payment", id)) => Ok(Self::Payment(id.to_owned())),
            Some(("refund", id)) => Ok(Self::Refund(id.to_owned())),
            Some(("dispute", id)) => Ok(Self::Dispute(id.to_owned())),
            _ => Err(io::Error::other(format!("no task of the sweep: {text}"))),
        }
    }
}

struct Run<'a> {
    deployment: &'a Deployment,
    api: Api<'a>,
    /// Requests in all, when what is done now has ended.
    most: u32,
    /// Of Stripe's.
    errors: u32,
    /// The last of them, if it is in trouble.
    trouble: Option<Error>,
    done: Reconciled,
}

impl Run<'_> {
    async fn go(&mut self) -> Result<()> {
        let started = now() / 1_000;
        let link = payment_link::check(self.deployment).await?;
        let mut sweep = self.ask(ReadSweep).await?;

        let mut complete = self.again(sweep.began).await?;
        self.judge_again(&link, sweep.began).await?;
        self.most = MAX_REQUESTS;

        let mut failed = None;
        for track in sweep.order() {
            let outcome = match track {
                Track::Sessions => self.sessions(&mut sweep, &link, started).await,
                Track::Events => self.events(&mut sweep, started).await,
            };
            // Where the one fails, the other goes on.
            complete &= outcome.unwrap_or_else(|error| {
                failed = Some(error);
                false
            });
        }
        self.done.complete = complete;
        self.trouble.take().or(failed).map_or(Ok(()), Err)
    }

    fn may_ask(&self, requests: u32) -> bool {
        self.trouble.is_none() && self.deployment.stubs.requests.get() + requests <= self.most
    }

    /// Asks again about what is due; answers whether that was all of it.
    async fn again(&mut self, began: i64) -> Result<bool> {
        let Due { again, open } = self.ask(ReadDue { again: AGAIN, open: OPEN }).await?;
        for payment_intent in open {
            if !self.may_ask(EACH) {
                return Ok(false);
            }
            let outcome = self.reversals_of(&payment_intent).await;
            // It stays open, so that it comes again.
            self.see(outcome);
        }
        let all = again.len() < AGAIN as usize;
        for what in again {
            if !self.may_ask(EACH) {
                return Ok(false);
            }
            let done = match what.parse::<Task>() {
                Ok(task) => {
                    let outcome = self.carry_out(&task, began).await;
                    self.note(&task, outcome).await?
                }
                // Another release wrote it.
                Err(_) => {
                    self.ask(TryAgain { what: what.clone() }).await?;
                    false
                }
            };
            if done {
                self.ask(NotAgain { what }).await?;
            }
        }
        Ok(all)
    }

    async fn reversals_of(&mut self, payment_intent: &str) -> Result<()> {
        for fact in self.api.reversals_of(payment_intent).await? {
            payments::reverse(self.deployment, fact).await?;
            self.done.reversals += 1;
        }
        Ok(())
    }

    async fn judge_again(&mut self, link: &str, began: i64) -> Result<()> {
        let (payment_link, currency) = (link.to_owned(), self.deployment.config.currency.clone());
        for unclaimed in self.ask(ToJudge { payment_link, currency, most: 100 }).await? {
            let reference = unclaimed.client_reference_id.unwrap_or_default();
            let (Some(_), Some(payment_intent)) =
                (self.deployment.config.references.verify(&reference), unclaimed.payment_intent)
            else {
                continue;
            };
            if !self.may_ask(EACH) {
                return Ok(());
            }
            let task = Task::Payment(payment_intent);
            let outcome = self.carry_out(&task, began).await;
            self.note(&task, outcome).await?;
        }
        Ok(())
    }

    /// Looks through sessions, newest first; answers whether the pass came to its end.
    async fn sessions(&mut self, sweep: &mut Sweep, link: &str, started: i64) -> Result<bool> {
        // Those that are known already cost nothing, however many are of one second.
        let Window { since, until, .. } = sweep.window(Track::Sessions, started);
        let mut after: Option<String> = None;
        while self.may_ask(PAGE) {
            let page = self.api.sessions(link, since, until, after.as_deref()).await?;
            let stop = self.page(&page.data, sweep.began).await?;
            after = page.data.last().filter(|_| page.has_more).map(|last| last.id.clone());
            let back_to = stop.or_else(|| page.data.last().filter(|_| page.has_more).map(|last| last.created));
            let back_to = back_to.map(|second| (second, 0));
            if self.store(sweep, Track::Sessions, started, stop.is_some(), back_to).await? {
                return Ok(back_to.is_none());
            }
        }
        Ok(false)
    }

    /// Answers where the run had to stop, by the time of the session that comes next.
    async fn page(&mut self, sessions: &[CheckoutSession], began: i64) -> Result<Option<i64>> {
        let keys: Vec<String> = sessions.iter().map(|session| session_key(&session.id)).collect();
        let unknown: HashSet<String> = self.ask(Unknown { keys: keys.clone() }).await?.into_iter().collect();
        for (session, key) in sessions.iter().zip(&keys) {
            if unknown.contains(key) {
                if !self.may_ask(EACH) {
                    return Ok(Some(session.created));
                }
                let outcome = self.session(session, began).await;
                match &session.payment_intent {
                    Some(payment_intent) => {
                        self.note(&Task::Payment(payment_intent.clone()), outcome).await?;
                    }
                    // Nothing else names it; the next pass finds it again.
                    None => {
                        self.see(outcome);
                    }
                }
            }
            self.done.sessions += 1;
        }
        Ok(None)
    }

    /// Looks through events, newest first, and asks about what they are about; answers whether the pass came to its end.
    async fn events(&mut self, sweep: &mut Sweep, started: i64) -> Result<bool> {
        let Window { since, until, done } = sweep.window(Track::Events, started);
        let (mut after, mut seen): (Option<String>, HashSet<String>) = (None, HashSet::new());
        // The second that it has come back to, and how many of that.
        let (mut second, mut of_second) = (until, 0);
        while self.may_ask(PAGE) {
            let page = self.api.events(since, until, after.as_deref()).await?;
            let mut stopped = false;
            for event in &page.data {
                if event.created != second {
                    (second, of_second) = (event.created, 0);
                }
                let skipped = second == until && of_second < done;
                if !skipped && seen.insert(event.object().to_owned()) {
                    stopped = !self.may_ask(EACH);
                    if stopped {
                        break;
                    }
                    let id = event.object().to_owned();
                    let task = if event.kind.starts_with("refund.") { Task::Refund(id) } else { Task::Dispute(id) };
                    let outcome = self.carry_out(&task, sweep.began).await;
                    self.note(&task, outcome).await?;
                }
                of_second += 1;
            }
            after = page.data.last().filter(|_| page.has_more).map(|last| last.id.clone());
            let back_to = (stopped || page.has_more).then_some((second, of_second));
            if self.store(sweep, Track::Events, started, stopped, back_to).await? {
                return Ok(back_to.is_none());
            }
        }
        Ok(false)
    }

    /// Stores how far the run has come, after each page, so that nothing which fails later takes it back. Answers whether
    /// that was all for now.
    async fn store(
        &self,
        sweep: &mut Sweep,
        track: Track,
        started: i64,
        stopped: bool,
        back_to: Option<(i64, i64)>,
    ) -> Result<bool> {
        sweep.came_to(track, started, back_to);
        self.ask(Swept { sweep: *sweep }).await?;
        Ok(stopped || back_to.is_none())
    }

    async fn carry_out(&mut self, task: &Task, began: i64) -> Result<()> {
        let fact = match task {
            Task::Payment(payment_intent) => {
                return match self.api.session_of(payment_intent).await? {
                    Some(session) => self.session(&session, began).await,
                    None => Ok(()),
                };
            }
            Task::Refund(id) => self.api.refund(id).await,
            Task::Dispute(id) => self.api.dispute(id).await,
        };
        match fact {
            Ok(fact) => payments::reverse(self.deployment, fact).await?,
            Err(ApiError::NotFound) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        self.done.reversals += 1;
        Ok(())
    }

    async fn session(&mut self, session: &CheckoutSession, began: i64) -> Result<()> {
        match payments::judge(self.deployment, session, false).await? {
            Verdict::Nothing => {}
            // The data of an earlier version had it, or nobody's.
            Verdict::Unclaimed(_) if session.created < began => {}
            Verdict::Unclaimed(unclaimed) => {
                payments::record(self.deployment, unclaimed).await?;
                self.done.unclaimed += 1;
            }
            Verdict::Credit(credit) => {
                let facts = match &credit.payment_intent {
                    Some(payment_intent) => self.api.reversals_of(payment_intent).await?,
                    None => Vec::new(),
                };
                self.done.reversals += facts.len() as u32;
                payments::keep_currency(self.deployment).await?;
                let ours = facts.into_iter().filter(|fact| fact.currency == self.deployment.config.currency);
                let reversals = ours.map(|fact| fact.reversal).collect();
                // They go with the credit, so that nothing which fails between can lose them.
                self.deployment.stubs.credit(Place { credit: credit.into(), reversals }).await?;
                self.done.credited += 1;
            }
        }
        Ok(())
    }

    /// What failed goes on the list, so that it keeps nothing else waiting; answers whether it was done.
    async fn note(&mut self, task: &Task, outcome: Result<()>) -> Result<bool> {
        let done = self.see(outcome);
        if !done {
            self.ask(TryAgain { what: task.to_string() }).await?;
        }
        Ok(done)
    }

    fn see(&mut self, outcome: Result<()>) -> bool {
        let Err(error) = outcome else { return true };
        log_error(format_args!("the sweep tries again later: {error}"));
        self.done.failed += 1;
        if matches!(&error.0, Kind::Cause(cause) if cause.is::<ApiError>()) {
            self.errors += 1;
            if self.errors >= MAX_ERRORS {
                self.trouble = Some(error);
            }
        }
        false
    }

    async fn ask<C: Command<To = Aggregate>>(&self, command: C) -> std::result::Result<C::Reply, ObjectError> {
        self.deployment.stubs.as_system(&Aggregate).send(command).await
    }
}
