//! What payers and tests do, with what follows from it.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use serde_json::Value;
use tokio::time::timeout;

use super::shared::Inner;
use super::webhooks;
use crate::stripe::model::deliveries::{DeliveryRecord, Progress};
use crate::stripe::model::state::State;
use crate::stripe::resources::payments::{Paid, PayRequest};
use crate::stripe::wire::error::ApiError;
use crate::stripe::wire::json::text;

impl Inner {
    /// Changes the state and sends what it gives rise to.
    pub(crate) fn run<T>(self: &Arc<Self>, change: impl FnOnce(&mut State) -> Result<T, ApiError>) -> Result<T> {
        let result = change(&mut self.lock());
        webhooks::dispatch(self);
        Ok(result?)
    }

    /// The payment page's button.
    pub(crate) async fn pay(self: &Arc<Self>, request: &PayRequest, session: Option<&str>) -> Result<Paid> {
        let paid = self.run(|state| {
            let link = match &request.payment_link {
                Some(id) => state.get("payment_link", id, "payment_link")?.clone(),
                None => state.all("payment_link").last().cloned().unwrap_or(Value::Null),
            };
            state.pay(request, &link, session)
        })?;
        if let Paid::Complete { session, event } = &paid {
            if let (true, Some(wait)) = (request.method.is_delayed(), self.options.settle_after) {
                self.settle_later(text(session, "id"), wait);
            }
            // A try is enough, as on Stripe: a broken endpoint does not keep the payer.
            let tried = |it: &DeliveryRecord| !it.tries.is_empty() || it.progress != Progress::Pending;
            let tried = self.wait_until(|state| state.deliveries.of_event(event).all(tried));
            let _ = timeout(self.options.redirect_wait, tried).await;
        }
        Ok(paid)
    }

    pub(crate) fn settle_later(self: &Arc<Self>, session: String, wait: Duration) {
        let inner = Arc::clone(self);
        self.spawn(async move {
            tokio::time::sleep(wait).await;
            // Settled by hand meanwhile: nothing to do.
            let _ = inner.run(|state| {
                let succeeds = state.unsettled.get(&session).copied().unwrap_or(false);
                state.settle(&session, succeeds)
            });
        });
    }
}
