//! Sends events as Stripe does: signed, at least once, in no order, again after anything but a 2xx.

use std::sync::Arc;
use std::time::Duration;

use super::shared::Inner;
use crate::stripe::model::deliveries::{Delivery, Progress};
use crate::stripe::wire::json::text;
use crate::stripe::wire::signature;

/// Starts everything that is queued.
pub(crate) fn dispatch(inner: &Arc<Inner>) {
    let delivery = inner.delivery();
    let queued = inner.lock().deliveries.take_queued(&delivery);
    // Lost ones have ended without a try.
    inner.changed();
    for index in queued {
        let wait = delivery.delay + inner.random_up_to(delivery.reorder);
        let task = deliver(Arc::clone(inner), index, delivery.clone(), wait);
        inner.spawn(task);
    }
}

async fn deliver(inner: Arc<Inner>, index: usize, delivery: Delivery, mut wait: Duration) {
    let mut backoff = delivery.retry;
    loop {
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        let Some(request) = Prepared::of(&inner, index) else {
            inner.lock().deliveries.give_up(index);
            inner.changed();
            return;
        };
        let outcome = request.send(&inner.client, delivery.timeout).await;
        let progress = {
            let mut state = inner.lock();
            let progress = state.deliveries.tried(index, outcome, delivery.tries as usize);
            if progress == Progress::Delivered {
                let event = state.deliveries.all()[index].event.clone();
                let left = state.deliveries.of_event(&event).filter(|it| it.progress != Progress::Delivered).count();
                state.update("event", &event, |event| {
                    event["pending_webhooks"] = left.into();
                });
            }
            progress
        };
        inner.changed();
        if progress != Progress::Pending {
            return;
        }
        wait = backoff;
        backoff = backoff.saturating_mul(2).min(Duration::from_secs(60 * 60));
    }
}

struct Prepared {
    url: String,
    body: Vec<u8>,
    signature: String,
}

impl Prepared {
    /// Signed afresh for every try. `None`: the endpoint is gone.
    fn of(inner: &Inner, index: usize) -> Option<Self> {
        let state = inner.lock();
        let record = &state.deliveries.all()[index];
        let endpoint = state.find("webhook_endpoint", &record.endpoint)?;
        let mut event = state.find("event", &record.event)?.clone();
        if endpoint["api_version"].is_string() {
            event["api_version"] = endpoint["api_version"].clone();
        }
        let body = serde_json::to_vec_pretty(&event).expect("JSON can be written");
        let secrets = state.endpoint_secrets.get(&record.endpoint)?;
        let signature = signature::header(&body, secrets, state.now_s(), state.account.livemode);
        Some(Self { url: text(endpoint, "url"), body, signature })
    }

    async fn send(self, client: &reqwest::Client, timeout: Duration) -> Result<u16, String> {
        let answer = client
            .post(&self.url)
            .timeout(timeout)
            .header("content-type", "application/json; charset=utf-8")
            .header("user-agent", "Stripe/1.0 (+https://stripe.com/docs/webhooks)")
            .header("cache-control", "no-cache")
            .header("accept", "*/*; q=0.5, application/xml")
            .header("stripe-signature", self.signature)
            .body(self.body)
            .send()
            .await;
        match answer {
            Ok(answer) => {
                let status = answer.status().as_u16();
                // Read to the end, so that the connection can be used again.
                let _ = answer.bytes().await;
                Ok(status)
            }
            Err(error) => Err(error.to_string()),
        }
    }
}
