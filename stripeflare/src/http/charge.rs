use std::cell::Cell;

use axum::body::Body;
use axum::response::Response;
use http::StatusCode;
use http::request::Parts;
use http_body::Body as _;

use super::answer::{X_BALANCE, X_ENTRY, X_PAYMENT_LINK, X_PRICE, header};
use super::context::{Context, Inner};
use super::price::{Kind, Price, Said};
use super::{Answer, Meter, endings, idempotency, now, stream};
use crate::account::AccountId;
use crate::money::Cents;
use crate::object::{AccountCommand, Address, ObjectError, Reply};
use crate::wallet::{
    Charge as ChargeCommand, Ending, HoldId, IdempotencyKey, KeptAnswer, Millis, Outcome, Overdraft, Refusal, Report,
    Settled, TokenId,
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
        context.refuse_head()?;
        context.spending_token()?;
        let (key, body) = idempotency::read(parts, body).await?;
        context.slot.open((price.kind == Kind::UpTo).then_some(price.amount));
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
        let meter = context.slot.meter_in_use().cloned();
        if meter.is_some() && key.is_some() {
            let message = "The answer of this call is metered as it is sent and cannot be kept. Call it without an Idempotency-Key. Nothing was charged.";
            return Err(Answer::new(StatusCode::BAD_REQUEST, "idempotency_streamed", message).into());
        }
        let begun_at = now();
        let hold = HoldId::generate(begun_at);
        let command = AccountCommand::Reserve {
            hold: hold.clone(),
            amount: price.amount,
            seconds: price.hold_s,
            row: context.slot.is_wanted(),
            key: key.clone(),
        };
        // From here on a hold may be there, so it gets an ending whatever happens.
        let key = key.map(|key| key.key);
        let account = token.account().clone();
        let mut charge = Charge {
            context,
            price,
            account,
            hold,
            key,
            token: None,
            meter,
            held_since: Cell::new(begun_at),
            available: Cents::ZERO,
            open: true,
            streams: false,
        };
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
/// releases the money; once the answer streams, it captures what was metered.
pub struct Charge {
    pub(super) context: Context,
    price: &'static Price,
    account: AccountId,
    hold: HoldId,
    /// The caller's idempotency key, as the account calls it.
    key: Option<String>,
    /// What the hold counts against.
    token: Option<TokenId>,
    /// If the handler asked for one.
    meter: Option<Meter>,
    /// When the hold was taken or renewed.
    held_since: Cell<Millis>,
    /// After the hold.
    available: Cents,
    open: bool,
    /// The answer is on its way, and the meter says what it costs.
    streams: bool,
}

impl Drop for Charge {
    fn drop(&mut self) {
        if self.open {
            let metered = if self.streams { self.metered() } else { Cents::ZERO };
            self.decide(match metered.is_positive() {
                true => self.capture(metered, self.is_late()),
                false => Outcome::Release,
            });
        }
    }
}

impl Charge {
    /// Captures or releases, as the handler's response says, and tells the caller.
    pub async fn settle(mut self, response: Response) -> Response {
        if self.meter.is_some() && response.status().as_u16() < 400 && response.body().size_hint().exact().is_none() {
            return self.stream(response).await.unwrap_or_else(|answer| answer);
        }
        let used = match self.used(&response) {
            Ok(used) => used,
            // Dropping `self` releases.
            Err(answer) => return answer.into(),
        };
        let available = self.available + (self.price.amount - used);
        let response = self.context.charged(response, &self.account, Some(used), available, self.hold.as_str());
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

    /// Lets the answer leave while its price is not known: settled is at its end, whichever that is.
    async fn stream(mut self, response: Response) -> Result<Response, Response> {
        if response.extensions().get::<Said>().is_some() {
            return Err(self.said_twice().into());
        }
        // The handler may have taken all the time there was.
        if self.held_for() >= self.hold_ms() / 2 {
            match self.renew().await {
                Ok(true) => {}
                Ok(false) => return Err(self.expired()),
                Err(error) if self.is_late() => return Err(error.into()),
                Err(_) => {}
            }
        }
        let response = self.context.charged(response, &self.account, None, self.available, self.hold.as_str());
        self.streams = true;
        Ok(stream::metered(self, response))
    }

    /// Lets the hold live on and tells the account what was metered. `false`: it has ended or expired.
    pub(super) async fn renew(&self) -> Result<bool, ObjectError> {
        let amount = self.meter.as_ref().map_or(Cents::ZERO, Meter::used);
        let report = Report { amount, detail: self.price.route.to_owned() };
        let command = AccountCommand::Renew { hold: self.hold.clone(), report, seconds: self.price.hold_s };
        let asked_at = now();
        // It carries no endings: whoever waits for it may be gone before its answer.
        let address = Address::Account(self.account.clone());
        let renewed = self.context.deployment.stubs.call(&address, command, Vec::new()).await?;
        let renewed = matches!(renewed, Reply::Renewed(true));
        if renewed {
            self.held_since.set(asked_at);
        }
        Ok(renewed)
    }

    /// What the call has cost; nothing is added to it any more.
    pub(super) fn metered(&self) -> Cents {
        self.meter.as_ref().map_or(Cents::ZERO, Meter::close)
    }

    pub(super) fn route(&self) -> &'static str {
        self.price.route
    }

    pub(super) fn hold_ms(&self) -> Millis {
        Millis::from(self.price.hold_s) * 1_000
    }

    pub(super) fn held_for(&self) -> Millis {
        now() - self.held_since.get()
    }

    pub(super) fn is_late(&self) -> bool {
        self.held_for() >= self.hold_ms()
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
        let said = response.extensions().get::<Said>();
        if let Some(meter) = &self.meter {
            return match said {
                None => Ok(meter.close()),
                Some(_) => Err(self.said_twice()),
            };
        }
        match (self.price.kind, said) {
            (Kind::Exact, _) => Ok(self.price.amount),
            (Kind::UpTo, Some(Said(price))) if *price >= Cents::ZERO => Ok(self.price.amount.min(*price)),
            (Kind::UpTo, Some(Said(price))) => {
                Err(Answer::internal(format!("{} asked for {price} cents", self.price.route)))
            }
            (Kind::UpTo, None) => Err(Answer::internal(format!(
                "{} has max_cents and neither takes a Meter nor returned a Priced, which say what the call cost",
                self.price.route
            ))),
        }
    }

    fn said_twice(&self) -> Answer {
        let route = self.price.route;
        Answer::internal(format!("{route} takes a Meter and returned a Priced; one of them says what a call costs"))
    }

    /// Captures before the answer leaves: a handler that took longer than its hold is answered only if the money is
    /// still there.
    async fn end(&self, used: Cents, late: bool, answer: Option<KeptAnswer>) -> Result<(), Response> {
        let command = AccountCommand::End { ending: self.ending(self.capture(used, late)), answer };
        match endings::call(&self.context.deployment, &self.account, command).await? {
            Reply::Ended { settled: Settled::Captured | Settled::AlreadyCaptured, .. } => Ok(()),
            Reply::Ended { .. } | Reply::Refused(_) => Err(self.expired()),
            _ => Err(Answer::unavailable("the account answered a capture with something else")),
        }
    }

    fn expired(&self) -> Response {
        let message = format!(
            "This call took longer than the {} s its price was held for. Nothing was charged.",
            self.price.hold_s
        );
        Answer::new(StatusCode::GATEWAY_TIMEOUT, "hold_expired", message).into()
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
    /// Tells the caller what the call cost, if that is known, and which line of the statement it is.
    fn charged(
        &self,
        mut response: Response,
        account: &AccountId,
        price: Option<Cents>,
        available: Cents,
        entry: &str,
    ) -> Response {
        self.mark_personal();
        response.extensions_mut().insert(Settlement);
        let headers = response.headers_mut();
        match price {
            Some(price) => headers.insert(X_PRICE, header(price)),
            None => headers.remove(X_PRICE),
        };
        headers.insert(X_BALANCE, header(available));
        if price.is_none_or(Cents::is_positive) {
            headers.insert(X_ENTRY, header(entry));
        }
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
            Ok((account, available, entry)) => self.charged(response, &account, Some(price), available, &entry),
            Err(answer) => answer,
        }
    }

    /// One charge at once, with a key of its own: the account, what is available after it, and its entry.
    pub(super) async fn charge_now(
        &self,
        amount: Cents,
        overdraft: Overdraft,
        detail: &str,
    ) -> Result<(AccountId, Cents, String), Response> {
        self.refuse_head()?;
        let Some(token) = self.spending_token()? else { return Err(self.refused(amount, Refusal::Unregistered)) };
        let account = token.account().clone();
        let key = HoldId::generate(now()).as_str().to_owned();
        let entry = format!("charge:{key}");
        let charge = ChargeCommand { key, amount, overdraft, detail: detail.to_owned() };
        match self.ask(token, AccountCommand::Charge { charge }).await? {
            Some(Reply::Charged(charged)) => Ok((account, charged.available, entry)),
            Some(Reply::Refused(refusal)) => Err(self.refused(amount, refusal)),
            None => Err(self.refused(amount, Refusal::Unregistered)),
            Some(_) => Err(Answer::unavailable("the account answered a charge with something else")),
        }
    }
}
