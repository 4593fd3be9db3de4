//! The sweep for payments that no webhook told of.

use std::collections::HashSet;
use std::io;

use stripeflare_core::aggregate::Sweep;
use stripeflare_core::clock::now;
use stripeflare_core::protocol::{AggregateCommand, Reply};
use stripeflare_core::stripe::{CheckoutSession, Verdict, session_key};
use worker::Env;

use crate::deployment::stripe_api::Api;
use crate::deployment::{Deployment, payment_link, payments};
use crate::error::Result;
use crate::object::{Address, ObjectError};

/// Requests to Stripe that one run makes at most; the next run goes on where it ended.
const MAX_REQUESTS: u32 = 200;

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
    /// Refunds and disputes of what was credited now.
    pub reversals: u32,
    /// Whether the run came to the end of what there is; if not, the next one goes on.
    pub complete: bool,
}

/// Credits payments that no webhook delivered, less what was refunded or disputed meanwhile. For a cron trigger, once an
/// hour or so; it may run as often as you like.
///
/// It asks Stripe for the completed Checkout Sessions of the payment link, back to thirty days before the last pass. What
/// was credited before, by a webhook or a sweep, stays as it is; a webhook that comes after the sweep changes nothing.
/// Payments for another version of the application are not credited, and those from before this version's data began not
/// recorded either.
///
/// ```no_run
/// # use stripeflare::prelude::*;
/// fn app() -> App {
///     App::new().scheduled(|_event, env| async move { stripeflare::reconcile(&env).await.map(drop) })
/// }
/// ```
///
/// # Errors
/// When a variable is missing, or Stripe or an object could not be asked. What was credited until then stands.
pub async fn reconcile(env: &Env) -> Result<Reconciled> {
    let deployment = Deployment::new(env, crate::deployment::version()).map_err(io::Error::other)?;
    let mut run = Run {
        api: payments::api(&deployment.config),
        deployment: &deployment,
        requests: 0,
        done: Reconciled::default(),
        failed: None,
    };
    let result = run.go().await;
    worker::console_log!("reconcile: {:?}", run.done);
    result.map(|()| run.done)
}

struct Run<'a> {
    deployment: &'a Deployment,
    api: Api<'a>,
    requests: u32,
    done: Reconciled,
    /// The last credit that could not be made: then the next run looks at everything again.
    failed: Option<ObjectError>,
}

impl Run<'_> {
    async fn go(&mut self) -> Result<()> {
        let started = now() / 1_000;
        let Reply::Sweep(sweep) = self.ask(AggregateCommand::Sweep).await? else { return Err(unexpected()) };
        let (since, until) = sweep.window(started);
        self.requests += 1;
        let link = payment_link::check(self.deployment).await?;
        self.judge_again(&link, sweep.began).await?;
        let mut last = None;
        let back_to = loop {
            self.requests += 1;
            let page = self.api.sessions(&link, since, until, last.as_deref()).await?;
            let stop = self.page(&page.data, sweep.began).await?;
            let end = page.data.last().filter(|_| page.has_more);
            match (stop, end) {
                (Some(created), _) => break Some(created),
                (None, None) => break None,
                // A second is looked at as a whole, so that every run gets further.
                (None, Some(end)) if self.requests >= MAX_REQUESTS && end.created < until => break Some(end.created),
                (None, Some(end)) => last = Some(end.id.clone()),
            }
        };
        if let Some(error) = self.failed.take() {
            return Err(error.into());
        }
        self.done.complete = back_to.is_none();
        let sweep: Sweep = sweep.after(started, back_to);
        Ok(self.deployment.stubs.done(&Address::Aggregate, AggregateCommand::Swept { sweep }).await?)
    }

    /// What nobody was credited for, and nobody was assigned.
    async fn judge_again(&mut self, link: &str, began: i64) -> Result<()> {
        let (payment_link, currency) = (link.to_owned(), self.deployment.config.currency.clone());
        let command = AggregateCommand::ToJudge { payment_link, currency, most: 20 };
        let Reply::ToJudge(unclaimed) = self.ask(command).await? else { return Err(unexpected()) };
        for unclaimed in unclaimed {
            let reference = unclaimed.client_reference_id.unwrap_or_default();
            if let (Some(_), Some(payment_intent)) =
                (self.deployment.config.references.verify(&reference), unclaimed.payment_intent)
            {
                self.requests += 1;
                if let Some(session) = self.api.session_of(&payment_intent).await? {
                    self.session(&session, began).await?;
                }
            }
        }
        Ok(())
    }

    /// Answers where the run had to stop, by the time of the session that comes next.
    async fn page(&mut self, sessions: &[CheckoutSession], began: i64) -> Result<Option<i64>> {
        let keys: Vec<String> = sessions.iter().map(|session| session_key(&session.id)).collect();
        let Reply::Unknown(unknown) = self.ask(AggregateCommand::Unknown { keys: keys.clone() }).await? else {
            return Err(unexpected());
        };
        let unknown: HashSet<String> = unknown.into_iter().collect();
        for (session, key) in sessions.iter().zip(&keys) {
            if unknown.contains(key) {
                if self.requests >= MAX_REQUESTS {
                    return Ok(Some(session.created));
                }
                self.session(session, began).await?;
            }
            self.done.sessions += 1;
        }
        Ok(None)
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
                // They wait in the directory for the credit, so that nothing which fails between can lose them.
                if let Some(payment_intent) = &credit.payment_intent {
                    self.requests += 2;
                    for fact in self.api.reversals_of(payment_intent).await? {
                        payments::park(self.deployment, payment_intent, fact).await?;
                        self.done.reversals += 1;
                    }
                }
                payments::keep_currency(self.deployment).await?;
                match self.deployment.stubs.credit(credit.into()).await {
                    Ok(_) => self.done.credited += 1,
                    // One account in trouble keeps no other's payment waiting.
                    Err(error) => self.failed = Some(error),
                }
            }
        }
        Ok(())
    }

    async fn ask(&self, command: AggregateCommand) -> Result<Reply> {
        Ok(self.deployment.stubs.call(&Address::Aggregate, command, Vec::new()).await?)
    }
}

fn unexpected() -> crate::error::Error {
    io::Error::other("the aggregate gave an answer that fits no question about the sweep").into()
}
