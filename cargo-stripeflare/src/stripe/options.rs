//! How the stand-in is started, and the trouble it can be put in.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::clock::Clock;
use super::model::deliveries::Delivery;
use super::model::permission::Permission;
use super::wire::{API_VERSION, ids};

/// The events that the runtime reads, and that a webhook endpoint is made for.
pub const WEBHOOK_EVENTS: [&str; 10] = [
    "checkout.session.completed",
    "checkout.session.async_payment_succeeded",
    "refund.created",
    "refund.updated",
    "refund.failed",
    "charge.dispute.created",
    "charge.dispute.updated",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.funds_reinstated",
    "charge.dispute.closed",
];

/// How to start the stand-in.
#[derive(Debug, Clone)]
pub struct StandInOptions {
    /// `None`: one that is free.
    pub port: Option<u16>,
    /// `sk_live_…` makes everything live mode. Any other key is answered 401, but those of `restricted_keys`.
    pub secret_key: String,
    /// `rk_test_…`, and what each may do; the `secret_key` may be one of them.
    pub restricted_keys: BTreeMap<String, Vec<Permission>>,
    /// Where webhooks go; can be set later.
    pub webhook_url: Option<String>,
    /// `whsec_…`
    pub webhook_secret: String,
    /// What is sent there; `*` is everything.
    pub webhook_events: Vec<String>,
    /// Of the payment link it starts with.
    pub currency: String,
    /// Where that link sends the payer afterwards, with `{CHECKOUT_SESSION_ID}` in it; `None`: a page that says thanks.
    pub after_payment: Option<String>,
    /// How long a bank debit takes; `None`: until `StandIn::settle_delayed` is called.
    pub settle_after: Option<Duration>,
    /// How long the payer waits for the webhook's answer before being sent on.
    pub redirect_wait: Duration,
    /// How webhooks arrive.
    pub delivery: Delivery,
    /// Where it keeps what it knows for the next run; `None`: it forgets.
    pub memory: Option<PathBuf>,
    /// The time on objects and signatures.
    pub clock: Clock,
    /// The version of events that are looked up, which is the account's own whatever a request says. Events keep the
    /// shape of the one version that the stand-in knows.
    pub account_version: String,
    /// Fingerprints of cards depend on it: the same account, the same fingerprint, also tomorrow.
    pub account: String,
}

impl Default for StandInOptions {
    fn default() -> Self {
        Self {
            port: None,
            secret_key: format!("sk_test_{}", ids::random(32)),
            restricted_keys: BTreeMap::new(),
            webhook_url: None,
            webhook_secret: format!("whsec_{}", ids::random(32)),
            webhook_events: WEBHOOK_EVENTS.map(str::to_owned).to_vec(),
            currency: "usd".to_owned(),
            after_payment: None,
            settle_after: None,
            redirect_wait: Duration::from_secs(10),
            delivery: Delivery::default(),
            memory: None,
            clock: Clock::default(),
            account_version: API_VERSION.to_owned(),
            account: "acct_1StandInForStripe".to_owned(),
        }
    }
}

/// Trouble that the API is in; the payment page and webhooks go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApiFault {
    /// Answers after a while.
    Slow(Duration),
    /// 429
    RateLimited,
    /// 500
    Broken,
    /// 200 with something that is no JSON.
    Garbage,
    /// The answer breaks off, and nothing has happened.
    Disconnect,
    /// The answer breaks off after everything has happened.
    LostAnswer,
}
