//! What Stripe tells of money, carried to where it belongs. Each function may run any number of times for one fact.

use std::cell::RefCell;
use std::io;

use super::{Config, Deployment};
use crate::account::AccountId;
use crate::error::Result;
use crate::object::{Address, Command, Reply};
use crate::stripe::{Api, ApiError, CheckoutSession, ReversalFact, Rules, Verdict, session_key};
use crate::wallet::{Reversal, Unclaimed};

/// Credits a session, or records why not; then takes back what was refunded or disputed before it came.
pub(super) async fn credit(deployment: &Deployment, session: &CheckoutSession, connected: bool) -> Result<()> {
    if session.payment_status.as_deref() != Some("paid") {
        return Ok(());
    }
    let config = &deployment.config;
    let rules = Rules {
        currency: &config.currency,
        livemode: config.livemode,
        our_link: !connected && is_our_link(config, session.payment_link.as_deref()).await?,
        references: &config.references,
        connected,
    };
    let credit = match rules.judge(session) {
        Verdict::Nothing => return Ok(()),
        Verdict::Unclaimed(unclaimed) => return record(deployment, unclaimed).await,
        Verdict::Credit(credit) => credit,
    };
    let (account, payment_intent) = (credit.account.clone(), credit.payment_intent.clone());
    done(deployment, Address::Account(account.clone()), Command::Credit { credit: credit.into() }).await?;
    let Some(payment_intent) = payment_intent else { return Ok(()) };

    let directory = Address::Directory(payment_intent.clone());
    let place = Command::Place { payment_intent: payment_intent.clone(), account: account.clone() };
    let Reply::Parked(parked) = deployment.stubs.call(&directory, place, Vec::new()).await? else {
        return Err(unexpected());
    };
    if parked.is_empty() {
        return Ok(());
    }
    for reversal in parked {
        apply(deployment, &account, &payment_intent, reversal).await?;
    }
    done(deployment, directory, Command::Unpark { payment_intent }).await
}

/// Carries a fact about a refund or dispute to the account of its payment, or keeps it until that is known.
pub(super) async fn reverse(deployment: &Deployment, fact: ReversalFact) -> Result<()> {
    let config = &deployment.config;
    let payment_intent = match (fact.payment_intent, &fact.charge) {
        (Some(payment_intent), _) => Some(payment_intent),
        (None, Some(charge)) => api(config).payment_intent_of(charge).await?,
        (None, None) => None,
    };
    // Payment links make PaymentIntents: without one, it was no payment of ours.
    let Some(payment_intent) = payment_intent else { return Ok(()) };
    let find = Command::FindOrPark { payment_intent: payment_intent.clone(), reversal: fact.reversal.clone() };
    let directory = Address::Directory(payment_intent.clone());
    let account = match deployment.stubs.call(&directory, find, Vec::new()).await? {
        Reply::Found(Some(account)) => account,
        Reply::Found(None) => return Ok(()),
        _ => return Err(unexpected()),
    };
    if fact.currency != config.currency {
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
    apply(deployment, &account, &payment_intent, fact.reversal).await
}

async fn apply(deployment: &Deployment, account: &AccountId, payment_intent: &str, reversal: Reversal) -> Result<()> {
    let command = Command::Reverse { payment_intent: payment_intent.to_owned(), reversal };
    done(deployment, Address::Account(account.clone()), command).await
}

async fn record(deployment: &Deployment, unclaimed: Unclaimed) -> Result<()> {
    worker::console_warn!("money that the operator has to look at: {}", unclaimed.reason);
    done(deployment, Address::Aggregate, Command::Unclaimed { unclaimed }).await
}

async fn done(deployment: &Deployment, to: Address, command: Command) -> Result<()> {
    match deployment.stubs.call(&to, command, Vec::new()).await? {
        Reply::Done => Ok(()),
        _ => Err(unexpected()),
    }
}

fn unexpected() -> crate::Error {
    io::Error::other("an object gave an answer that fits no question about money").into()
}

fn api(config: &Config) -> Api<'_> {
    Api { base: &config.stripe_api, secret: &config.stripe_secret }
}

/// Whether a payment link is the one the configuration names; Stripe is asked about each link once per isolate.
async fn is_our_link(config: &Config, link: Option<&str>) -> Result<bool> {
    let Some(link) = link else { return Ok(false) };
    if let Some(ours) = &config.payment_link_id {
        return Ok(link == ours);
    }
    thread_local!(static KNOWN: RefCell<Vec<(String, bool)>> = const { RefCell::new(Vec::new()) });
    if let Some(ours) = KNOWN.with_borrow(|known| known.iter().find(|(id, _)| id == link).map(|(_, ours)| *ours)) {
        return Ok(ours);
    }
    let ours = match api(config).payment_link(link).await {
        Ok(found) => without_query(&found.url) == without_query(&config.payment_link),
        Err(ApiError::NotFound) => false,
        Err(error) => return Err(error.into()),
    };
    KNOWN.with_borrow_mut(|known| known.push((link.to_owned(), ours)));
    Ok(ours)
}

fn without_query(url: &str) -> &str {
    url.split('?').next().unwrap_or(url)
}
