use axum::body::Body;
use axum::response::Response;
use http::header::ALLOW;
use http::request::Parts;
use http::{HeaderValue, Method, StatusCode};

use super::answer::{X_BALANCE, X_PAYMENT_LINK, X_PRICE, header};
use super::context::{Context, Inner};
use super::price::{Kind, Price, Said};
use super::{Answer, endings, idempotency, now};
use crate::account::AccountId;
use crate::money::Cents;
use crate::object::{Command, Reply};
use crate::wallet::{
    Charge as ChargeCommand, Ending, HoldId, IdempotencyKey, KeptAnswer, Millis, Outcome, Overdraft, Refusal, Settled,
    TokenId,
};

/// A call of a priced route, before its extractors ran.
pub struct Call {
    context: Context,
    price: &'static Price,
    key: Option<IdempotencyKey>,
}

impl Call {
    /// Refuses what needs no look at the input, and gives the body back.
    ///
    /// # Errors
    /// The answer instead of the handler's.
    pub async fn begin(parts: &mut Parts, body: Body, price: &'static Price) -> Result<(Self, Body), Response> {
        let context = Context::from(parts)?;
        if parts.method == Method::HEAD {
            let answer =
                Answer::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "A priced route answers no HEAD.");
            let mut response = Response::from(answer);
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET"));
            return Err(response);
        }
        context.spending_token()?;
        let (key, body) = idempotency::read(parts, body).await?;
        context.slot.open();
        Ok((Self { context, price, key }, body))
    }

    /// Sets the price aside: the one hop to the account before the handler runs.
    ///
    /// # Errors
    /// The answer instead of the handler's: 402, 429, or 503 when the account could not be asked.
    pub async fn reserve(self) -> Result<Charge, Response> {
        let Self { context, price, key } = self;
        let Some(token) = context.spending_token()?.cloned() else {
            return Err(context.refused(price.amount, Refusal::Unregistered));
        };
        let begun_at = now();
        let hold = HoldId::generate(begun_at);
        let command = Command::Reserve {
            hold: hold.clone(),
            amount: price.amount,
            seconds: price.hold_s,
            row: context.slot.is_wanted(),
            key: key.clone(),
        };
        // From here on a hold may be there, so it gets an ending whatever happens.
        let key = key.map(|key| key.key);
        let account = token.account().clone();
        let mut charge =
            Charge { context, price, account, hold, key, token: None, begun_at, available: Cents::ZERO, open: true };
        match endings::call_for(&charge.context.deployment, &token, command).await? {
            Reply::Reserved { available, token, key, row } => {
                (charge.available, charge.token, charge.key) = (available, token, key);
                if let Some(row) = row {
                    charge.context.slot.fill(&row).map_err(Answer::unavailable)?;
                }
                Ok(charge)
            }
            Reply::Refused(refusal) => {
                charge.open = false;
                Err(charge.context.refused(price.amount, refusal))
            }
            Reply::Denied(why) => {
                charge.open = false;
                charge.context.deny(why)?;
                Err(charge.context.refused(price.amount, Refusal::Unregistered))
            }
            Reply::Claimed(claim) => {
                charge.open = false;
                Err(idempotency::claimed(claim))
            }
            _ => Err(Answer::unavailable("the account answered a reserve with something else")),
        }
    }
}

/// Money set aside for a running handler. Dropped without [`Charge::settle`], by a panic or a cancelled request, it
/// releases the money.
pub struct Charge {
    context: Context,
    price: &'static Price,
    account: AccountId,
    hold: HoldId,
    /// The caller's idempotency key, as the account calls it.
    key: Option<String>,
    /// What the hold counts against.
    token: Option<TokenId>,
    begun_at: Millis,
    /// After the hold.
    available: Cents,
    open: bool,
}

impl Drop for Charge {
    fn drop(&mut self) {
        if self.open {
            self.decide(Outcome::Release);
        }
    }
}

impl Charge {
    /// Captures or releases, as the handler's response says, and tells the caller.
    pub async fn settle(mut self, response: Response) -> Response {
        let used = match self.used(&response) {
            Ok(used) => used,
            // Dropping `self` releases.
            Err(answer) => return answer.into(),
        };
        let available = self.available + (self.price.amount - used);
        let response = self.context.charged(response, &self.account, used, available);
        if response.status().as_u16() >= 400 {
            self.decide(Outcome::Release);
        } else if self.key.is_some() {
            return self.capture_and_keep(used, response).await.unwrap_or_else(|answer| answer);
        } else if !used.is_positive() {
            self.decide(Outcome::Release);
        } else if !self.is_late() {
            self.decide(self.capture(used, false));
        } else {
            self.open = false;
            if let Err(answer) = self.end(used, true, None).await {
                return answer;
            }
        }
        response
    }

    fn is_late(&self) -> bool {
        now() - self.begun_at >= Millis::from(self.price.hold_s) * 1_000
    }

    /// A call with a key is charged, and its answer kept, before it is answered.
    async fn capture_and_keep(mut self, used: Cents, response: Response) -> Result<Response, Response> {
        let (answer, response) = idempotency::keep(response).await?;
        // Without an answer the hold is still open here, and dropping `self` frees the key.
        self.end(used, self.is_late(), Some(answer)).await?;
        self.open = false;
        Ok(response)
    }

    /// What the response costs.
    fn used(&self, response: &Response) -> Result<Cents, Answer> {
        if response.status().as_u16() >= 400 {
            return Ok(Cents::ZERO);
        }
        match (self.price.kind, response.extensions().get::<Said>()) {
            (Kind::Exact, _) => Ok(self.price.amount),
            (Kind::UpTo, Some(Said(price))) if *price >= Cents::ZERO => Ok(self.price.amount.min(*price)),
            (Kind::UpTo, Some(Said(price))) => {
                Err(Answer::internal(format!("{} asked for {price} cents", self.price.route)))
            }
            (Kind::UpTo, None) => Err(Answer::internal(format!(
                "{} has max_cents and did not return a Priced, which says what the call cost",
                self.price.route
            ))),
        }
    }

    /// Captures before the answer leaves: a handler that took longer than its hold is answered only if the money is
    /// still there.
    async fn end(&self, used: Cents, late: bool, answer: Option<KeptAnswer>) -> Result<(), Response> {
        let command = Command::End { ending: self.ending(self.capture(used, late)), answer };
        match endings::call(&self.context.deployment, &self.account, command).await? {
            Reply::Ended { settled: Settled::Captured | Settled::AlreadyCaptured, .. } => Ok(()),
            Reply::Ended { .. } | Reply::Refused(_) => {
                let message = format!(
                    "This call took longer than the {} s its price was held for. Nothing was charged.",
                    self.price.hold_s
                );
                Err(Answer::new(StatusCode::GATEWAY_TIMEOUT, "hold_expired", message).into())
            }
            _ => Err(Answer::unavailable("the account answered a capture with something else")),
        }
    }

    fn ending(&self, outcome: Outcome) -> Ending {
        Ending { hold: self.hold.clone(), outcome, key: self.key.clone(), token: self.token.clone() }
    }

    fn capture(&self, amount: Cents, late: bool) -> Outcome {
        Outcome::Capture { amount, detail: self.price.route.to_owned(), late }
    }

    fn decide(&mut self, outcome: Outcome) {
        self.open = false;
        endings::decide(&self.context, &self.account, self.ending(outcome));
    }
}

/// In a response's extensions: its price is settled.
#[derive(Clone, Copy)]
pub(super) struct Settlement;

impl Inner {
    /// Tells the caller what the call cost.
    fn charged(&self, mut response: Response, account: &AccountId, price: Cents, available: Cents) -> Response {
        self.mark_personal();
        response.extensions_mut().insert(Settlement);
        let headers = response.headers_mut();
        headers.insert(X_PRICE, header(price));
        headers.insert(X_BALANCE, header(available));
        headers.insert(X_PAYMENT_LINK, header(self.deployment.payment_link(account)));
        response
    }

    /// Charges a response of an unpriced route that names its price, in `X-Price` or by a [`super::Priced`].
    pub(super) async fn charge_after_the_fact(&self, mut response: Response) -> Response {
        if response.extensions().get::<Settlement>().is_some() {
            return response;
        }
        let said = match (response.headers_mut().remove(X_PRICE), response.extensions().get::<Said>()) {
            (Some(value), _) => value.to_str().ok().and_then(|text| text.trim().parse().ok()),
            (None, Some(Said(price))) => Some(*price),
            (None, None) => return response,
        };
        let Some(price) = said.filter(|price| *price >= Cents::ZERO) else {
            return Answer::internal("a handler set an X-Price that is no amount in cents").into();
        };
        if response.status().as_u16() >= 400 || price == Cents::ZERO {
            response.headers_mut().insert(X_PRICE, header(0));
            return response;
        }
        match self.charge_now(price, Overdraft::Allow, "X-Price").await {
            Ok((account, available)) => self.charged(response, &account, price, available),
            Err(answer) => answer,
        }
    }

    /// One charge at once, with a key of its own.
    pub(super) async fn charge_now(
        &self,
        amount: Cents,
        overdraft: Overdraft,
        detail: &str,
    ) -> Result<(AccountId, Cents), Response> {
        let Some(token) = self.spending_token()? else { return Err(self.refused(amount, Refusal::Unregistered)) };
        let account = token.account().clone();
        let key = HoldId::generate(now()).as_str().to_owned();
        let charge = ChargeCommand { key, amount, overdraft, detail: detail.to_owned() };
        match self.ask(token, Command::Charge { charge }).await? {
            Some(Reply::Charged(charged)) => Ok((account, charged.available)),
            Some(Reply::Refused(refusal)) => Err(self.refused(amount, refusal)),
            None => Err(self.refused(amount, Refusal::Unregistered)),
            Some(_) => Err(Answer::unavailable("the account answered a charge with something else")),
        }
    }
}
