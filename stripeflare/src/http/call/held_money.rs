use std::cell::Cell;

use axum::response::Response;
use http::StatusCode;
use stripeflare_core::account::{Ending, HoldId, KeptAnswer, Outcome, Report, Settled, Spender};
use stripeflare_core::clock::{Millis, now};
use stripeflare_core::identity::AccountId;
use stripeflare_core::money::Cents;
use stripeflare_core::protocol::account::{End, Renew};

use crate::deployment::deliveries;
use crate::http::call::context::Context;
use crate::http::call::meter::Meter;
use crate::http::call::price::Price;
use crate::http::reply::answer::Answer;
use crate::object::ObjectError;

/// Money set aside for a running handler. Dropped while it is open, by a panic or a cancelled request, it is released;
/// once the answer streams, what was metered is captured.
pub(super) struct HeldMoney {
    pub(super) context: Context,
    pub(super) price: &'static Price,
    /// How much it is.
    pub(super) amount: Cents,
    /// What the statement says it was for.
    pub(super) label: String,
    pub(super) account: AccountId,
    pub(super) id: HoldId,
    /// The caller's idempotency key, as the account calls it.
    pub(super) key: Option<String>,
    /// What it is charged to.
    pub(super) token: Option<Spender>,
    /// If the handler asked for one.
    pub(super) meter: Option<Meter>,
    /// When the hold was taken or renewed.
    pub(super) since: Cell<Millis>,
    pub(super) open: bool,
    /// The answer is on its way, and the meter says what it costs.
    pub(super) streams: bool,
}

impl Drop for HeldMoney {
    fn drop(&mut self) {
        if self.open {
            let metered = if self.streams { self.metered() } else { Cents::ZERO };
            self.decide(match metered.is_positive() {
                true => self.capture(metered),
                false => Outcome::Release,
            });
        }
    }
}

impl HeldMoney {
    /// Lets the hold live on and tells the account what was metered. `false`: it has ended or expired.
    pub(super) async fn renew(&self) -> Result<bool, ObjectError> {
        let report = Report { amount: self.used(), detail: self.label.clone() };
        let command = Renew { hold: self.id.clone(), report, seconds: self.price.hold_s };
        let asked_at = now();
        // It carries no endings: whoever waits for it may be gone before its answer.
        let renewed = self.context.deployment.stubs.as_system(&self.account).send(command).await?;
        if renewed {
            self.since.set(asked_at);
        }
        Ok(renewed)
    }

    /// What was metered until now.
    pub(super) fn used(&self) -> Cents {
        self.meter.as_ref().map_or(Cents::ZERO, Meter::used)
    }

    /// What the call has cost; nothing is added to it any more.
    pub(super) fn metered(&self) -> Cents {
        self.meter.as_ref().map_or(Cents::ZERO, Meter::close)
    }

    pub(super) fn hold_ms(&self) -> Millis {
        Millis::from(self.price.hold_s) * 1_000
    }

    pub(super) fn held_for(&self) -> Millis {
        now() - self.since.get()
    }

    pub(super) fn is_late(&self) -> bool {
        self.held_for() >= self.hold_ms()
    }

    /// Captures before the answer leaves: a handler that took longer than its hold is answered only if the money is
    /// still there.
    pub(super) async fn end(&self, used: Cents, answer: Option<KeptAnswer>) -> Result<(), Response> {
        let command = End { ending: self.ending(self.capture(used)), answer };
        match self.context.deployment.stubs.as_system(&self.account).send_with_endings(command).await? {
            Settled::Captured | Settled::AlreadyCaptured => Ok(()),
            Settled::Released | Settled::Gone => Err(self.expired()),
        }
    }

    pub(super) fn expired(&self) -> Response {
        let message = format!(
            "This call took longer than the {} s its price was held for.{}",
            self.price.hold_s,
            self.context.inside.nothing_was_charged()
        );
        Answer::new(StatusCode::GATEWAY_TIMEOUT, "hold_expired", message).into()
    }

    fn ending(&self, outcome: Outcome) -> Ending {
        Ending { hold: self.id.clone(), outcome, key: self.key.clone(), token: self.token.clone() }
    }

    pub(super) fn capture(&self, amount: Cents) -> Outcome {
        Outcome::Capture { amount, detail: self.label.clone() }
    }

    pub(super) fn decide(&mut self, outcome: Outcome) {
        self.open = false;
        let told = deliveries::decide(&self.context.deployment, &self.account, self.ending(outcome));
        self.context.wait_until(told);
    }
}
