//! Whether the payment link is the one that is meant: asked of Stripe, and kept in the directory for an hour.

use std::cell::RefCell;

use http::StatusCode;
use serde::{Deserialize, Serialize};
use stripeflare_core::clock::{Millis, now};
use stripeflare_core::directory::Note;
use stripeflare_core::protocol::directory::{KeepNote, ReadNote};
use stripeflare_core::stripe::{LinkRules, LinkVerdict};

use crate::deployment::Deployment;
use crate::deployment::stripe_api::{ApiError, api};
use crate::error::{Misconfigured, Result};
use crate::js::log_error;

const NOTE: &str = "payment link";
/// A good verdict is asked for again after an hour.
const GOOD_FOR: Millis = 60 * 60 * 1_000;
/// After a minute the operator may have mended it, or Stripe may answer again.
const BAD_FOR: Millis = 60 * 1_000;

/// What is noted.
#[derive(Clone, Serialize, Deserialize)]
struct Checked {
    /// What was compared, as it was configured then.
    configured: String,
    verdict: LinkVerdict,
}

impl Checked {
    fn is_fresh(&self, at: Millis) -> bool {
        now() - at < if self.verdict.is_good() { GOOD_FOR } else { BAD_FOR }
    }
}

thread_local!(static LAST: RefCell<Option<(Millis, Checked)>> = const { RefCell::new(None) });

/// Before anybody is sent to pay.
///
/// # Errors
/// Says what the operator has to mend.
pub(crate) async fn check_for_payers(deployment: &Deployment) -> Result<()> {
    let verdict = verdict(deployment).await?;
    if verdict.inactive {
        return Err(unusable("the payment link in STRIPE_PAYMENT_LINK is not active at Stripe"));
    }
    verdict.problem.map_or(Ok(()), |problem| Err(unusable(&problem)))
}

/// Whether a link that was paid through is ours.
///
/// # Errors
/// Says what the operator has to mend before that can be told; or Stripe could not be asked.
pub(crate) async fn is_ours(deployment: &Deployment, link: Option<&str>) -> Result<bool> {
    let Some(link) = link else { return Ok(false) };
    let verdict = verdict(deployment).await?;
    match verdict.problem {
        Some(problem) => Err(unusable(&problem)),
        None => Ok(verdict.id.as_deref() == Some(link)),
    }
}

/// Asks Stripe now, and answers the id of our link.
///
/// # Errors
/// As [`is_ours`].
pub(crate) async fn check(deployment: &Deployment) -> Result<String> {
    let verdict = ask(deployment).await?;
    match (verdict.problem, verdict.id) {
        (None, Some(id)) => Ok(id),
        (problem, _) => Err(unusable(&problem.unwrap_or_default())),
    }
}

fn unusable(problem: &str) -> crate::error::Error {
    let text = format!("Payments are not possible now: {problem}. Whoever runs this has to mend it.");
    Misconfigured(StatusCode::SERVICE_UNAVAILABLE, text).into()
}

async fn verdict(deployment: &Deployment) -> Result<LinkVerdict> {
    let configured = configured(deployment);
    let fits = |at: Millis, checked: &Checked| checked.configured == configured && checked.is_fresh(at);
    if let Some((_, checked)) = LAST.with_borrow(|last| last.clone().filter(|(at, checked)| fits(*at, checked))) {
        return Ok(checked.verdict);
    }
    let note = deployment.noted(ReadNote { name: NOTE.to_owned() }).await?;
    let before = note.and_then(|Note { at, text }| {
        let checked: Checked = serde_json::from_str(&text).ok()?;
        (checked.configured == configured).then_some((at, checked))
    });
    if let Some((at, checked)) = before.clone().filter(|(at, checked)| fits(*at, checked)) {
        let verdict = checked.verdict.clone();
        LAST.set(Some((at, checked)));
        return Ok(verdict);
    }
    let error = match ask(deployment).await {
        Ok(verdict) => return Ok(verdict),
        Err(error) => error,
    };
    // Stripe in trouble is no difference: what was known holds, and so does an id that was configured.
    let known = before.map(|(_, checked)| checked.verdict).or_else(|| {
        let id = deployment.config.payment_link_id.clone()?;
        Some(LinkVerdict { id: Some(id), problem: None, inactive: false })
    });
    let verdict = known.ok_or(error)?;
    let checked = Checked { configured, verdict: verdict.clone() };
    LAST.set(Some((now() - GOOD_FOR + BAD_FOR, checked)));
    Ok(verdict)
}

async fn ask(deployment: &Deployment) -> Result<LinkVerdict> {
    let config = &deployment.config;
    let api = api(deployment);
    let link = match &config.payment_link_id {
        Some(id) => match api.payment_link(id).await {
            Ok(link) => Some(link),
            Err(ApiError::NotFound) => None,
            Err(error) => return Err(error.into()),
        },
        None => api.payment_link_at(&config.payment_link).await?,
    };
    let rules = LinkRules { url: &config.payment_link, currency: &config.currency, livemode: config.livemode };
    let verdict = match link {
        Some(link) => link.judge(rules),
        None => LinkVerdict::missing(config.payment_link_id.is_some()),
    };
    if !verdict.is_good() {
        log_error(format_args!("the payment link does not fit the variables: {verdict:?}"));
    }
    let checked = Checked { configured: configured(deployment), verdict: verdict.clone() };
    let text = serde_json::to_string(&checked).expect("a verdict is plain JSON");
    let note = deployment.noted(KeepNote { name: NOTE.to_owned(), text, once: false }).await?;
    LAST.set(Some((note.at, checked)));
    Ok(verdict)
}

/// A verdict about other variables is none about these.
fn configured(deployment: &Deployment) -> String {
    let config = &deployment.config;
    let id = config.payment_link_id.as_deref().unwrap_or_default();
    format!("{} {id} {} {}", config.payment_link, config.currency, config.livemode)
}
