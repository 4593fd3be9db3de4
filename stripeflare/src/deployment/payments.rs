//! What Stripe tells of money, carried to where it belongs. Each function may run any number of times for one fact.

use std::cell::Cell;

use http::StatusCode;
use stripeflare_core::account::{HandedOver, Handover, NotHandedOver, Reversal};
use stripeflare_core::aggregate::{Assignment, Unclaimed};
use stripeflare_core::directory::Note;
use stripeflare_core::error::WalletError;
use stripeflare_core::identity::AccountId;
use stripeflare_core::protocol::account::Reverse;
use stripeflare_core::protocol::aggregate::{Assign, RecordUnclaimed, Reversed};
use stripeflare_core::protocol::directory::{Credited, Find, FindOrPark, KeepNote, Place, ReadNote, Waiting};
use stripeflare_core::protocol::{Aggregate, Shard};
use stripeflare_core::stripe::{CheckoutSession, CreditTo, ReversalFact, Rules, Verdict, session_key};

use crate::deployment::Deployment;
use crate::deployment::payment_link;
use crate::deployment::stripe_api::api;
use crate::error::{Misconfigured, Result};

/// Credits a session, or records why not; then takes back what was refunded or disputed before it came.
pub(crate) async fn credit(deployment: &Deployment, session: &CheckoutSession, connected: bool) -> Result<()> {
    match judge(deployment, session, connected).await? {
        Verdict::Nothing => Ok(()),
        Verdict::Unclaimed(unclaimed) => record(deployment, unclaimed).await,
        Verdict::Credit(credit) => credit_as_judged(deployment, credit).await.map(drop),
    }
}

/// Credits what was judged to be a credit, and lets the session's shard know whose it is. Answers whose.
pub(crate) async fn credit_as_judged(deployment: &Deployment, credit: CreditTo) -> Result<AccountId> {
    keep_currency(deployment).await?;
    let (session, named, mark) = (credit.key.clone(), credit.account.clone(), credit.mark.clone());
    let account = deployment.stubs.credit(Place { credit: credit.into(), reversals: Vec::new() }).await?;
    // Money that went elsewhere than its reference says is nobody's login.
    let mark = mark.filter(|_| account == named);
    let shard = Shard::of(&session);
    deployment.stubs.as_system(&shard).send(Credited { session, account: account.clone(), mark }).await?;
    Ok(account)
}

/// The first payment decides in which currency this data counts: money of two is never mixed, whatever the variable says later.
pub(crate) async fn keep_currency(deployment: &Deployment) -> Result<()> {
    if !KEPT.get() {
        let text = deployment.config.currency.clone();
        let note = deployment.noted(KeepNote { name: CURRENCY.to_owned(), text, once: true }).await?;
        same_currency(deployment, Some(note))?;
        KEPT.set(true);
    }
    Ok(())
}

/// Whether payments would be counted in the currency of the data that exists.
pub(crate) async fn check_currency(deployment: &Deployment) -> Result<()> {
    if !KEPT.get() {
        let note = deployment.noted(ReadNote { name: CURRENCY.to_owned() }).await?;
        let decided = note.is_some();
        same_currency(deployment, note)?;
        KEPT.set(decided);
    }
    Ok(())
}

const CURRENCY: &str = "currency";

// What was decided once is asked once by each isolate.
thread_local!(static KEPT: Cell<bool> = const { Cell::new(false) });

fn same_currency(deployment: &Deployment, note: Option<Note>) -> Result<()> {
    match note {
        Some(Note { text: kept, .. }) if kept != deployment.config.currency => {
            let problem = WalletError::Currency { kept }.to_string();
            Err(Misconfigured(StatusCode::INTERNAL_SERVER_ERROR, problem).into())
        }
        _ => Ok(()),
    }
}

/// What becomes of a session.
///
/// # Errors
/// When Stripe could not say whose payment link it is, or it is not the one that the variables mean.
pub(crate) async fn judge(deployment: &Deployment, session: &CheckoutSession, connected: bool) -> Result<Verdict> {
    if session.payment_status.as_deref() != Some("paid") {
        return Ok(Verdict::Nothing);
    }
    let config = &deployment.config;
    let rules = Rules {
        currency: &config.currency,
        livemode: config.livemode,
        our_link: !connected && payment_link::is_ours(deployment, session.payment_link.as_deref()).await?,
        references: &config.references,
        connected,
    };
    Ok(rules.judge(session))
}

/// What the operator decides about unclaimed money: it is credited now, or a moment later if something goes wrong now.
/// Answers whose it is, or why it is nobody's.
pub(crate) async fn assign(deployment: &Deployment, assignment: Assignment) -> Result<Result<AccountId, String>> {
    let stubs = &deployment.stubs;
    keep_currency(deployment).await?;
    match stubs.as_system(&Aggregate).send(Assign { assignment }).await? {
        Ok(place) => Ok(Ok(stubs.credit(place).await?)),
        Err(refusal) => Ok(Err(refusal)),
    }
}

/// Money of a closed account goes to another one: now, or a moment later if something goes wrong now.
pub(crate) async fn hand_over(
    deployment: &Deployment,
    from: &AccountId,
    wish: Handover,
) -> Result<Result<HandedOver, NotHandedOver>> {
    let handed = match deployment.stubs.as_system(from).send(wish).await? {
        Ok(handed) => handed,
        Err(refusal) => return Ok(Err(refusal)),
    };
    deployment.stubs.as_system(&handed.to).send(handed.clone()).await?;
    Ok(Ok(handed))
}

/// Carries a fact about a refund or dispute to the account of its payment, or keeps it until that is known.
pub(crate) async fn reverse(deployment: &Deployment, fact: ReversalFact) -> Result<()> {
    let config = &deployment.config;
    let payment_intent = match (fact.payment_intent, &fact.charge) {
        (Some(payment_intent), _) => Some(payment_intent),
        (None, Some(charge)) => api(deployment).payment_intent_of(charge).await?,
        (None, None) => None,
    };
    // Payment links make PaymentIntents: without one, it was no payment of ours.
    let Some(payment_intent) = payment_intent else { return Ok(()) };
    let ours = fact.currency == config.currency;
    let shard = Shard::of(&payment_intent);
    let directory = deployment.stubs.as_system(&shard);
    let found = if ours {
        let reversal = fact.reversal.clone();
        directory.send(FindOrPark { payment_intent: payment_intent.clone(), reversal }).await?
    } else {
        // It could never be taken from a credit, so it does not wait for one.
        directory.send(Find { payment_intent: payment_intent.clone() }).await?
    };
    let Some(account) = found else { return tell_unclaimed(deployment, payment_intent, fact.reversal).await };
    if !ours {
        let reason = "a refund or dispute in another currency than its credit; nothing was taken back";
        let unclaimed = Unclaimed {
            key: session_key(&fact.reversal.key()),
            reason: reason.to_owned(),
            amount: -fact.reversal.amount.units() / 10_000,
            currency: fact.currency,
            client_reference_id: Some(config.references.sign(&account)),
            payment_intent: Some(payment_intent),
            payment_link: None,
        };
        return record(deployment, unclaimed).await;
    }
    let command = Reverse { payment_intent, reversal: fact.reversal };
    Ok(deployment.stubs.as_system(&account).send(command).await?)
}

async fn tell_unclaimed(deployment: &Deployment, payment_intent: String, reversal: Reversal) -> Result<()> {
    Ok(deployment.stubs.as_system(&Aggregate).send(Reversed { payment_intent, reversal }).await?)
}

pub(crate) async fn record(deployment: &Deployment, unclaimed: Unclaimed) -> Result<()> {
    worker::console_warn!("money that the operator has to look at: {}", unclaimed.reason);
    let payment_intent = unclaimed.payment_intent.clone();
    deployment.stubs.as_system(&Aggregate).send(RecordUnclaimed { unclaimed }).await?;
    // Its refunds may have come before it.
    let Some(payment_intent) = payment_intent else { return Ok(()) };
    let waiting = Waiting { payment_intent: payment_intent.clone() };
    for reversal in deployment.stubs.as_system(&Shard::of(&payment_intent)).send(waiting).await? {
        tell_unclaimed(deployment, payment_intent.clone(), reversal).await?;
    }
    Ok(())
}
