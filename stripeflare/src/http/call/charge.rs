use std::cell::Cell;

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use http::StatusCode;
use http::request::Parts;
use http_body::Body as _;
use stripeflare_core::account::{Charge as ChargeCommand, HoldId, IdempotencyKey, Outcome, Overdraft};
use stripeflare_core::clock::now;
use stripeflare_core::identity::AccountId;
use stripeflare_core::money::Cents;
use stripeflare_core::protocol::account::Reserve;

use crate::http::call::context::{Context, Inner};
use crate::http::call::held_money::HeldMoney;
use crate::http::call::price::{Asked, Kind, Price, Said, Settlement};
use crate::http::call::sendable::sendable;
use crate::http::call::{idempotency, stream};
use crate::http::reply::answer::{Answer, X_BALANCE, X_ENTRY, X_PAYMENT_LINK, X_PRICE, header};
use crate::object::ObjectError;

/// A call of a priced route, before its extractors ran.
pub struct Call {
    context: Context,
    price: &'static Price,
    key: Option<IdempotencyKey>,
}

impl Call {
    /// Refuses what needs no look at the input, and gives the request back in its parts.
    ///
    /// # Errors
    /// The answer instead of the handler's.
    pub async fn begin(request: Request, price: &'static Price) -> Result<(Self, Parts, Body), Response> {
        let (parts, body) = request.into_parts();
        let context = Context::from(&parts)?;
        context.refuse_head()?;
        context.paying_token()?;
        let (key, body) = idempotency::read(&context.call, body).await?;
        match price.kind {
            Kind::Exact(_) => context.slot.open(None),
            Kind::UpTo { most, .. } => context.slot.open(Some(most)),
            // Its function is given the arguments before anything is reserved, an account too.
            Kind::Asked => {}
        }
        Ok((Self { context, price, key }, parts, body))
    }

    /// Sets the price aside: the one hop to the account before the handler runs.
    ///
    /// # Errors
    /// The answer instead of the handler's: 402, 429, or 503 when the account could not be asked.
    pub async fn reserve(self) -> Result<Charge, Response> {
        match self.price.kind {
            Kind::Exact(amount) => self.hold(amount, amount).await,
            Kind::UpTo { most, least } => self.hold(least, most).await,
            Kind::Asked => Err(Answer::internal("a price that is asked for was reserved without asking").into()),
        }
    }

    /// The same, for what a function says of the arguments.
    ///
    /// # Errors
    /// As [`Call::reserve`], and what the function answers instead of a price.
    pub async fn reserve_asked<Via>(self, asked: impl Asked<Via>) -> Result<Charge, Response> {
        let amount = asked.price().await?;
        if amount == Cents::ZERO {
            return Ok(Charge(None));
        }
        if !amount.is_positive() {
            let label = self.context.label(self.price.label);
            return Err(Answer::internal(format!("{label}: its price function said {amount} cents")).into());
        }
        self.hold(amount, amount).await
    }

    async fn hold(self, least: Cents, most: Cents) -> Result<Charge, Response> {
        let Self { context, price, key } = self;
        let Some(token) = context.paying_token()?.cloned() else {
            return Err(context.unregistered(least));
        };
        let meter = context.slot.meter_in_use().cloned();
        if meter.is_some() && key.is_some() {
            let message = format!(
                "The answer of this call is metered as it is sent and cannot be kept. Call it without an Idempotency-Key.{}",
                context.inside.nothing_was_charged()
            );
            return Err(Answer::new(StatusCode::BAD_REQUEST, "idempotency_streamed", message).into());
        }
        let begun_at = now();
        let hold = HoldId::generate(begun_at);
        let command = Reserve {
            hold: hold.clone(),
            amount: most,
            least,
            seconds: price.hold_s,
            brief: meter.is_none(),
            row: context.slot.is_wanted(),
            key: key.clone(),
        };
        // From here on a hold may be there, so it gets an ending whatever happens.
        let key = key.map(|key| key.key);
        let account = token.account().clone();
        let label = context.label(price.label);
        let mut held = HeldMoney {
            context,
            price,
            amount: most,
            label,
            account,
            id: hold,
            key,
            token: None,
            meter,
            since: Cell::new(begun_at),
            open: true,
            streams: false,
        };
        let reserved = match held.context.ask_raw(&token, command).await {
            Ok(Ok(reserved)) => reserved,
            Ok(Err(refusal)) => {
                held.open = false;
                return Err(held.context.not_reserved(least, refusal));
            }
            Err(error @ (ObjectError::Denied(_) | ObjectError::Unregistered)) => {
                held.open = false;
                held.context.not_done(error)?;
                return Err(held.context.unregistered(least));
            }
            Err(error) => return Err(error.into()),
        };
        (held.amount, held.token, held.key) = (reserved.held, reserved.token, reserved.key);
        if let Some(meter) = &held.meter {
            meter.hold(held.amount);
        }
        if let Some(row) = reserved.row {
            held.context.slot.fill(&row).map_err(Answer::unavailable)?;
        }
        Ok(Charge(Some(Held { money: held, available: reserved.available })))
    }
}

/// A call whose extractors ran and whose handler runs; without money where the price is nothing.
pub struct Charge(Option<Held>);

impl Charge {
    /// Captures or releases, as the handler's response says, and tells the caller.
    pub async fn settle(self, mut response: Response) -> Response {
        match self.0 {
            Some(held) => held.settle(response).await,
            None => {
                response.headers_mut().insert(X_PRICE, header(0));
                response.extensions_mut().insert(Settlement);
                response
            }
        }
    }
}

struct Held {
    money: HeldMoney,
    /// After the hold.
    available: Cents,
}

impl Held {
    async fn settle(mut self, response: Response) -> Response {
        let response = match sendable(response) {
            Ok(response) => response,
            // Dropping `self` releases.
            Err(answer) => return answer.into(),
        };
        if self.money.meter.is_some()
            && response.status().as_u16() < 400
            && response.body().size_hint().exact().is_none()
        {
            return self.stream(response).await.unwrap_or_else(|answer| answer);
        }
        let used = match self.used(&response) {
            Ok(used) => used,
            Err(answer) => return answer.into(),
        };
        let available =
            self.money.context.inside.last().map_or(self.available, |last| last.available) + (self.money.amount - used);
        let response =
            self.money.context.charged(response, &self.money.account, Some(used), available, self.money.id.as_str());
        if response.status().as_u16() >= 400 || !used.is_positive() {
            // What cost nothing may run again under its key.
            self.money.decide(Outcome::Release);
        } else if self.money.key.is_some() {
            return self.capture_and_keep(used, response).await.unwrap_or_else(|answer| answer);
        } else if !self.money.is_late() {
            self.money.decide(self.money.capture(used));
        } else {
            self.money.open = false;
            if let Err(answer) = self.money.end(used, None).await {
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
        if self.money.held_for() >= self.money.hold_ms() / 2 {
            match self.money.renew().await {
                Ok(true) => {}
                Ok(false) => return Err(self.money.expired()),
                Err(error) if self.money.is_late() => return Err(error.into()),
                Err(_) => {}
            }
        }
        let response =
            self.money.context.charged(response, &self.money.account, None, self.available, self.money.id.as_str());
        self.money.streams = true;
        Ok(stream::metered(self.money, response))
    }

    /// A call with a key is charged, and its answer kept, before it is answered.
    async fn capture_and_keep(mut self, used: Cents, response: Response) -> Result<Response, Response> {
        let (answer, response) = idempotency::keep(response).await?;
        // Without an answer the hold is still open here, and dropping `self` frees the key.
        self.money.end(used, answer).await?;
        self.money.open = false;
        Ok(response)
    }

    /// What the response costs.
    fn used(&self, response: &Response) -> Result<Cents, Answer> {
        if response.status().as_u16() >= 400 {
            return Ok(Cents::ZERO);
        }
        let said = response.extensions().get::<Said>();
        if let Some(meter) = &self.money.meter {
            return match said {
                None => Ok(meter.close()),
                Some(_) => Err(self.said_twice()),
            };
        }
        let (label, price) = (&self.money.label, &self.money.price);
        match (price.kind, said) {
            (Kind::Exact(_) | Kind::Asked, None) => Ok(self.money.amount),
            (Kind::Exact(_) | Kind::Asked, Some(_)) => Err(Answer::internal(format!(
                "{label} has a price and returned a Priced; with `max_cents` the handler says what the call cost"
            ))),
            (Kind::UpTo { .. }, Some(Said(said))) if *said >= Cents::ZERO => Ok(self.money.amount.min(*said)),
            (Kind::UpTo { .. }, Some(Said(said))) => Err(Answer::internal(format!("{label} asked for {said} cents"))),
            (Kind::UpTo { .. }, None) => Err(Answer::internal(format!(
                "{label} has max_cents and neither takes a Meter nor returned a Priced, which say what the call cost"
            ))),
        }
    }

    fn said_twice(&self) -> Answer {
        let label = &self.money.label;
        Answer::internal(format!("{label} takes a Meter and returned a Priced; one of them says what a call costs"))
    }
}

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
        match price.and_then(|price| self.inside.with(price)) {
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

    /// Says of an answer without a price of its own what its handler charged, and was shown of the caller's account.
    pub(crate) fn tell(&self, response: &mut Response) {
        if response.extensions().get::<Settlement>().is_some() {
            return;
        }
        let headers = response.headers_mut();
        match self.inside.with(Cents::ZERO) {
            None => drop(headers.remove(X_PRICE)),
            Some(charged) if charged.is_positive() => drop(headers.insert(X_PRICE, header(charged))),
            Some(_) => {}
        }
        let last = self.inside.last();
        let balance = last.as_ref().map(|last| last.available).or(self.shown.get());
        if let (Some(balance), Ok(Some((token, _)))) = (balance, self.token()) {
            let link = || header(self.deployment.payment_link(token.account()));
            headers.entry(X_BALANCE).or_insert_with(|| header(balance));
            headers.entry(X_PAYMENT_LINK).or_insert_with(link);
        }
        if let Some(last) = last {
            headers.insert(X_ENTRY, header(last.entry));
        }
    }

    /// Charges a response of an unpriced route that names its price, in `X-Price` or by a [`super::Priced`].
    pub(crate) async fn charge_after_the_fact(&self, response: Response) -> Response {
        // Layers of a merged router may have changed what is settled already.
        let mut response = match sendable(response) {
            Ok(response) => response,
            Err(answer) => return answer.into(),
        };
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
        match self.charge_now(price, Overdraft::Allow, &self.label(None), None).await {
            Ok((account, available, entry)) => self.charged(response, &account, Some(price), available, &entry),
            Err(answer) => answer,
        }
    }

    /// One charge at once, under a key of the author's, or else of the caller's, or else of its own: the account, what is
    /// available after it, and its entry.
    pub(crate) async fn charge_now(
        &self,
        amount: Cents,
        overdraft: Overdraft,
        detail: &str,
        once: Option<&str>,
    ) -> Result<(AccountId, Cents, String), Response> {
        self.refuse_head()?;
        let Some(token) = self.paying_token()? else { return Err(self.unregistered(amount)) };
        let account = token.account().clone();
        let key = match once {
            Some(key) => Some(format!("once:{key}")),
            None => self.call.charge_key(token, self.deployment.version, self.inside.next())?,
        };
        let key = key.unwrap_or_else(|| HoldId::generate(now()).as_str().to_owned());
        let entry = format!("charge:{key}");
        let charge = ChargeCommand { key, amount, overdraft, detail: detail.to_owned() };
        let charged = self.ask(token, charge).await;
        if charged.as_ref().is_err_and(|answer| answer.status() == StatusCode::SERVICE_UNAVAILABLE) {
            self.inside.lose_track();
        }
        match charged? {
            Some(Ok(charged)) => Ok((account, charged.available, entry)),
            Some(Err(refusal)) => Err(self.not_charged(amount, &refusal)),
            None => Err(self.unregistered(amount)),
        }
    }
}
