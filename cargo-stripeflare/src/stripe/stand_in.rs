//! The stand-in as tests and `dev` hold it.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::timeout;

use super::clock::Clock;
use super::model::deliveries::{Delivery, DeliveryRecord, Progress};
use super::model::events::Cause;
use super::model::memory;
use super::model::permission::Permission;
use super::model::state::{Account, State};
use super::options::{ApiFault, StandInOptions};
use super::resources::disputes::{DisputeEnd, DisputeRequest};
use super::resources::payment_links::{add_link, first_link};
use super::resources::payments::{Paid, PayRequest};
use super::resources::refunds::RefundStatus;
use super::server::shared::{Inner, Knobs};
use super::server::{router, webhooks};
use super::wire::json::text;
use super::wire::{ids, signature};

/// A running stand-in. Dropping it ends it.
#[derive(Debug)]
pub struct StandIn {
    inner: Arc<Inner>,
    port: u16,
    payment_link_id: String,
    payment_link_url: String,
}

impl StandIn {
    /// Starts the stand-in with one payment link and one webhook endpoint, and returns when it listens.
    ///
    /// # Errors
    /// If the port is taken, or what an earlier run kept cannot be read.
    pub async fn start(options: StandInOptions) -> Result<Self> {
        let port = options.port.unwrap_or(0);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
            .await
            .with_context(|| format!("the stand-in for Stripe cannot listen on port {port}"))?;
        let port = listener.local_addr()?.port();
        let account = Account {
            id: options.account.clone(),
            livemode: options.secret_key.starts_with("sk_live_") || options.secret_key.starts_with("rk_live_"),
            clock: options.clock.clone(),
            api_version: options.account_version.clone(),
            url: format!("http://127.0.0.1:{port}"),
        };
        let mut state = State::new(account);
        if let Some(path) = &options.memory {
            state.recall(path)?;
        }
        let link = first_link(&mut state, &options.secret_key, &options.currency, options.after_payment.as_deref());
        if let Some(url) = &options.webhook_url {
            state.point_first_endpoint(url, &options.webhook_events, options.webhook_secret.clone());
        }
        let unsettled: Vec<String> = state.unsettled.keys().cloned().collect();
        let knobs = Knobs {
            random: fastrand::Rng::with_seed(options.delivery.seed),
            delivery: options.delivery.clone(),
            fault: None,
            faults_at: Vec::new(),
            restricted_keys: options.restricted_keys.clone(),
            requests: Vec::new(),
        };
        let inner = Arc::new(Inner {
            // Stripe takes a redirect for a failure.
            client: reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build()?,
            options,
            state: Mutex::new(state),
            knobs: Mutex::new(knobs),
            tasks: Mutex::default(),
            changes: watch::Sender::new(0),
        });
        let app = router(Arc::clone(&inner));
        inner.spawn(async move {
            // It only ends with the task.
            let _ = axum::serve(listener, app).await;
        });
        if let Some(wait) = inner.options.settle_after {
            unsettled.into_iter().for_each(|session| inner.settle_later(session, wait));
        }
        if let Some(path) = inner.options.memory.clone() {
            inner.spawn(keep(Arc::clone(&inner), inner.changes.subscribe(), path));
        }
        webhooks::dispatch(&inner);
        let (payment_link_id, payment_link_url) = (text(&link, "id"), text(&link, "url"));
        Ok(Self { inner, port, payment_link_id, payment_link_url })
    }

    /// `http://127.0.0.1:<port>`, for `STRIPE_API_BASE`.
    pub fn api_base(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// For `STRIPE_PAYMENT_LINK`.
    pub fn payment_link_url(&self) -> &str {
        &self.payment_link_url
    }

    /// `plink_…`, for `STRIPE_PAYMENT_LINK_ID`.
    pub fn payment_link_id(&self) -> &str {
        &self.payment_link_id
    }

    /// The variables that make a worker talk to this stand-in; `DB_SECRET` is the worker's own.
    pub fn vars(&self) -> BTreeMap<String, String> {
        let options = &self.inner.options;
        let mode = if self.inner.lock().account.livemode { "live" } else { "test" };
        let name = options.secret_key.splitn(3, '_').last().unwrap_or_default();
        let publishable = format!("pk_{mode}_{name}");
        [
            ("STRIPE_SECRET", options.secret_key.clone()),
            ("STRIPE_PUBLISHABLE_KEY", publishable),
            ("STRIPE_WEBHOOK_SIGNING_SECRET", options.webhook_secret.clone()),
            ("STRIPE_PAYMENT_LINK", self.payment_link_url.clone()),
            ("STRIPE_PAYMENT_LINK_ID", self.payment_link_id.clone()),
            ("STRIPE_API_BASE", self.api_base()),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
    }

    /// Sends webhooks of the first endpoint there from now on.
    pub fn set_webhook_url(&self, url: &str) {
        let options = &self.inner.options;
        let mut state = self.inner.lock();
        let first = state.all("webhook_endpoint").last().map(|endpoint| text(endpoint, "id"));
        match first {
            Some(id) => drop(state.update("webhook_endpoint", &id, |endpoint| {
                endpoint["url"] = json!(url);
            })),
            None => drop(state.insert_webhook_endpoint(url, &options.webhook_events, options.webhook_secret.clone())),
        }
    }

    /// Rolls the secret of the first endpoint: both sign, until this is called with one alone.
    pub fn set_webhook_secrets(&self, secrets: &[&str]) {
        let secrets: Vec<String> = secrets.iter().map(|secret| (*secret).to_owned()).collect();
        let mut state = self.inner.lock();
        let first = state.all("webhook_endpoint").last().map(|endpoint| text(endpoint, "id"));
        if let Some(id) = first {
            state.endpoint_secrets.insert(id, secrets);
        }
    }

    /// How webhooks arrive from now on.
    pub fn set_delivery(&self, delivery: Delivery) {
        let mut knobs = self.inner.knobs();
        knobs.random = fastrand::Rng::with_seed(delivery.seed);
        knobs.delivery = delivery;
    }

    /// Puts the API in trouble, or out of it.
    pub fn set_api_fault(&self, fault: Option<ApiFault>) {
        self.inner.knobs().fault = fault;
    }

    /// Puts one kind of request in trouble so many times, such as `POST /v1/refunds`.
    pub fn set_api_fault_at(&self, request: &str, fault: ApiFault, times: u32) {
        self.inner.knobs().faults_at.push((request.to_owned(), fault, times));
    }

    /// What a restricted key may do from now on.
    pub fn set_permissions(&self, key: &str, permissions: &[Permission]) {
        self.inner.knobs().restricted_keys.insert(key.to_owned(), permissions.to_vec());
    }

    /// `GET /v1/…` of every request to the API so far.
    pub fn api_requests(&self) -> Vec<String> {
        self.inner.knobs().requests.clone()
    }

    /// The time on objects and signatures.
    pub fn clock(&self) -> &Clock {
        &self.inner.options.clock
    }

    /// Another payment link of the same Stripe account, with a price that the payer chooses.
    pub fn add_payment_link(&self, currency: &str, after_payment: Option<&str>) -> Value {
        add_link(&mut self.inner.lock(), json!({}), currency, after_payment)
    }

    /// Pays as somebody on the payment page does: returns the Checkout Session once the webhook was answered, or after
    /// the wait that Checkout grants.
    ///
    /// # Errors
    /// If the page would refuse, or the card is declined.
    pub async fn pay(&self, request: &PayRequest) -> Result<Value> {
        match self.inner.pay(request, None).await? {
            Paid::Complete { session, .. } => Ok(session),
            Paid::Declined { .. } => bail!("Your card was declined."),
        }
    }

    /// Ends the bank debit of a session, now and either way.
    ///
    /// # Errors
    /// If nothing is under way there.
    pub fn settle_delayed(&self, session: &str, succeeds: bool) -> Result<Value> {
        self.inner.run(|state| state.settle(session, succeeds))
    }

    /// Refunds a charge as the dashboard does, in any state.
    ///
    /// # Errors
    /// If Stripe would refuse.
    pub fn refund(&self, charge: &str, amount: Option<i64>, status: RefundStatus) -> Result<Value> {
        self.inner.run(|state| state.refund(charge, amount, status))
    }

    /// A refund moves on.
    ///
    /// # Errors
    /// If there is none, or it has ended.
    pub fn update_refund(&self, refund: &str, status: RefundStatus) -> Result<Value> {
        self.inner.run(|state| state.update_refund(refund, status))
    }

    /// A payer's bank asks questions or takes back.
    ///
    /// # Errors
    /// If the charge cannot be disputed over that amount.
    pub fn open_dispute(&self, request: &DisputeRequest) -> Result<Value> {
        self.inner.run(|state| state.open_dispute(request))
    }

    /// The seller's evidence goes to the bank.
    ///
    /// # Errors
    /// If there is no such dispute, or it waits for none.
    pub fn answer_dispute(&self, dispute: &str) -> Result<Value> {
        self.inner.run(|state| state.answer_dispute(dispute))
    }

    /// An inquiry becomes a chargeback.
    ///
    /// # Errors
    /// If there is no such inquiry.
    pub fn escalate_dispute(&self, dispute: &str) -> Result<Value> {
        self.inner.run(|state| state.escalate_dispute(dispute))
    }

    /// The disputed amount leaves the seller.
    ///
    /// # Errors
    /// If there is no such dispute, it is a mere inquiry or has ended, or the amount has left before.
    pub fn withdraw_disputed(&self, dispute: &str) -> Result<Value> {
        self.inner.run(|state| state.withdraw(dispute))
    }

    /// The disputed amount comes back, or a part of it; also from a dispute that is lost.
    ///
    /// # Errors
    /// If there is no such dispute, or less has left.
    pub fn reinstate_disputed(&self, dispute: &str, amount: Option<i64>) -> Result<Value> {
        self.inner.run(|state| state.reinstate(dispute, amount))
    }

    /// The dispute ends. What is lost leaves first, if it has not.
    ///
    /// # Errors
    /// If there is no such dispute, or it cannot end so.
    pub fn close_dispute(&self, dispute: &str, end: DisputeEnd) -> Result<Value> {
        self.inner.run(|state| state.close_dispute(dispute, end))
    }

    /// An event about anything, with fields of the event itself that are unusual, such as `account`. Returns its id.
    pub fn emit(&self, kind: &str, object: &Value, event_fields: Value) -> String {
        let id = self.inner.lock().emit_with(kind, object, &Cause::default(), event_fields);
        webhooks::dispatch(&self.inner);
        id
    }

    /// What an endpoint of the wrong type would get: an event without its object.
    pub fn thin_event(&self) -> Value {
        json!({
            "context": null,
            "created": "2026-01-01T00:00:00.000Z",
            "id": ids::of_account("evt"),
            "livemode": self.inner.lock().account.livemode,
            "object": "v2.core.event",
            "reason": null,
            "related_object": null,
            "type": "v1.checkout.session.completed",
        })
    }

    /// An object as the API shows it, such as `("charge", "ch_…")`.
    pub fn object(&self, kind: &str, id: &str) -> Option<Value> {
        self.inner.lock().find(kind, id).cloned()
    }

    /// Changes an object behind everybody's back, and tells nobody; `None` if there is none.
    pub fn change(&self, kind: &str, id: &str, change: impl FnOnce(&mut Value)) -> Option<Value> {
        let mut state = self.inner.lock();
        state.find(kind, id)?;
        Some(state.update(kind, id, change))
    }

    /// All objects of a kind so far, such as `"price"`, oldest first.
    pub fn objects(&self, kind: &str) -> Vec<Value> {
        let mut objects: Vec<Value> = self.inner.lock().all(kind).cloned().collect();
        objects.reverse();
        objects
    }

    /// All events so far, oldest first.
    pub fn events(&self) -> Vec<Value> {
        self.objects("event")
    }

    /// All deliveries so far, also those under way.
    pub fn deliveries(&self) -> Vec<DeliveryRecord> {
        self.inner.lock().deliveries.all().to_vec()
    }

    /// Sends an event once more, as the dashboard's button does.
    pub fn resend(&self, event: &str) {
        {
            let mut state = self.inner.lock();
            let sent: Vec<(String, String)> = state
                .deliveries
                .of_event(event)
                .filter(|delivery| delivery.copy == 0)
                .map(|delivery| (delivery.kind.clone(), delivery.endpoint.clone()))
                .collect();
            for (kind, endpoint) in sent {
                state.deliveries.queue_by_hand(event, &kind, &endpoint);
            }
        }
        webhooks::dispatch(&self.inner);
    }

    /// The `Stripe-Signature` header for a body, at a time in seconds since 1970.
    pub fn sign(&self, body: &[u8], t: i64) -> String {
        let options = &self.inner.options;
        signature::header(body, &[&options.webhook_secret], t, self.inner.lock().account.livemode)
    }

    /// Waits until every delivery has ended.
    ///
    /// # Errors
    /// After `most`, naming what is still under way.
    pub async fn wait_idle(&self, most: Duration) -> Result<()> {
        let idle = self.inner.wait_until(|state| state.deliveries.is_idle());
        if timeout(most, idle).await.is_ok() {
            return Ok(());
        }
        let pending = self.deliveries().into_iter().filter(|delivery| delivery.progress == Progress::Pending);
        let pending: Vec<String> =
            pending.map(|it| format!("{} {} after {:?}", it.event, it.kind, it.tries)).take(20).collect();
        bail!("webhooks are still under way after {most:?}: {pending:#?}")
    }

    /// Waits until an event has reached every endpoint that wants it, once at least.
    ///
    /// # Errors
    /// After `most`.
    pub async fn wait_until_delivered(&self, event: &str, most: Duration) -> Result<()> {
        let delivered = self.inner.wait_until(|state| {
            let first = state.deliveries.of_event(event).filter(|delivery| delivery.copy == 0);
            first.into_iter().all(|delivery| delivery.progress == Progress::Delivered)
        });
        timeout(most, delivered).await.map_err(|_| anyhow!("{event} was not delivered within {most:?}"))
    }
}

/// Writes down what is known, after each change.
async fn keep(inner: Arc<Inner>, mut changes: watch::Receiver<u64>, path: PathBuf) {
    while changes.changed().await.is_ok() {
        let memory = inner.lock().memory();
        if let Err(error) = memory::write(&path, &memory) {
            eprintln!("the stand-in for Stripe will have forgotten its payments in the next run: {error:#}");
            return;
        }
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.inner.tasks.lock().unwrap_or_else(PoisonError::into_inner).abort_all();
    }
}
