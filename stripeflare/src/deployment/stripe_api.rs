use std::cell::Cell;
use std::fmt;
use std::time::Duration;

use futures_util::future::{Either, select};
use futures_util::pin_mut;
use js_sys::Promise;
use stripeflare_core::clock::now;
use stripeflare_core::stripe::{
    CheckoutSession, Dispute, Document, PaidSession, PaymentLink, Refund, ReversalFact, Told, Unexpected, must,
};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{Request, Response};

use crate::deployment::Deployment;
use crate::js::{describe, sleep};

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(catch)]
    fn fetch(request: &Request) -> Result<Promise, JsValue>;
}

/// The API version every request and our webhook endpoints are pinned to.
const API_VERSION: &str = "2026-07-29.dahlia";
/// Longer than this Stripe takes only when it is in trouble.
const DEADLINE: Duration = Duration::from_secs(15);

/// Stripe's API, as far as it is needed.
pub(crate) struct Api<'a> {
    pub(crate) base: &'a str,
    pub(crate) secret: &'a str,
    requests: &'a Cell<u32>,
}

pub(crate) fn api(deployment: &Deployment) -> Api<'_> {
    let Deployment { config, stubs, .. } = deployment;
    Api { base: &config.stripe_api, secret: &config.stripe_secret, requests: &stubs.requests }
}

/// Stripe did not answer what was asked; the text never holds a key.
#[derive(Debug)]
pub(crate) enum ApiError {
    /// No such object.
    NotFound,
    Other(String),
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound => f.write_str("Stripe knows no such object"),
            Self::Other(cause) => write!(f, "Stripe's API: {cause}"),
        }
    }
}

impl std::error::Error for ApiError {}

/// Source: Stripe's API reference, "Pagination". Newest first.
#[derive(Debug)]
pub(crate) struct Page<T> {
    pub(crate) data: Vec<T>,
    pub(crate) has_more: bool,
}

impl<T: Told> Told for Page<T> {
    fn read(document: Document<'_>) -> Result<Self, Unexpected> {
        let data = must("data", document.list("data")?)?.iter();
        let data = data.map(|object| T::read(Document::of(object)?)).collect::<Result<_, _>>()?;
        Ok(Self { data, has_more: must("has_more", document.flag("has_more")?)? })
    }
}

/// An event as a pointer to what it is about: its own shape is of the webhook endpoint's version, not of ours.
#[derive(Debug)]
pub(crate) struct Pointer {
    pub(crate) id: String,
    pub(crate) created: i64,
    pub(crate) kind: String,
    object: String,
}

impl Told for Pointer {
    fn read(document: Document<'_>) -> Result<Self, Unexpected> {
        let object = document.object("data")?.map_or(Ok(None), |data| data.id("object"))?;
        Ok(Self {
            id: must("id", document.text("id")?)?,
            created: must("created", document.number("created")?)?,
            kind: must("type", document.text("type")?)?,
            object: must("data", object)?,
        })
    }
}

impl Pointer {
    pub(crate) fn object(&self) -> &str {
        &self.object
    }
}

/// What a charge says of its PaymentIntent.
struct PaymentOf(Option<String>);

impl Told for PaymentOf {
    fn read(document: Document<'_>) -> Result<Self, Unexpected> {
        Ok(Self(document.id("payment_intent")?))
    }
}

/// Of refunds and disputes.
const EVENTS: &str = "types[]=refund.created&types[]=refund.updated&types[]=refund.failed\
    &types[]=charge.dispute.created&types[]=charge.dispute.updated&types[]=charge.dispute.closed\
    &types[]=charge.dispute.funds_withdrawn&types[]=charge.dispute.funds_reinstated";

/// More refunds or disputes of one payment than so many pages of a hundred nobody has.
const MAX_PAGES: u32 = 20;

impl Api<'_> {
    pub(crate) async fn payment_link(&self, id: &str) -> Result<PaymentLink, ApiError> {
        self.get(&format!("/v1/payment_links/{id}")).await
    }

    /// The payment link with this address.
    pub(crate) async fn payment_link_at(&self, url: &str) -> Result<Option<PaymentLink>, ApiError> {
        let mut after = None;
        for _ in 0..MAX_PAGES {
            let page: Page<PaymentLink> = self.page("/v1/payment_links?limit=100", after.as_deref()).await?;
            after = page.data.last().filter(|_| page.has_more).map(|link| link.id.clone());
            if let Some(link) = page.data.into_iter().find(|link| link.is_at(url)) {
                return Ok(Some(link));
            }
            if after.is_none() {
                return Ok(None);
            }
        }
        Err(ApiError::Other("too many payment links; set STRIPE_PAYMENT_LINK_ID".into()))
    }

    /// Completed sessions of a payment link that were made between two seconds, both included.
    pub(crate) async fn sessions(
        &self,
        payment_link: &str,
        since: i64,
        until: i64,
        after: Option<&str>,
    ) -> Result<Page<CheckoutSession>, ApiError> {
        let path = format!(
            "/v1/checkout/sessions?payment_link={payment_link}&status=complete&created[gte]={since}&created[lte]={until}&limit=100"
        );
        self.page(&path, after).await
    }

    /// The session that a payment was made in.
    pub(crate) async fn session_of(&self, payment_intent: &str) -> Result<Option<CheckoutSession>, ApiError> {
        let page: Page<CheckoutSession> =
            self.get(&format!("/v1/checkout/sessions?payment_intent={payment_intent}&limit=1")).await?;
        Ok(page.data.into_iter().next())
    }

    /// Events of refunds and disputes between two seconds, both included. Stripe keeps them for thirty days.
    pub(crate) async fn events(&self, since: i64, until: i64, after: Option<&str>) -> Result<Page<Pointer>, ApiError> {
        let path = format!("/v1/events?{EVENTS}&created[gte]={since}&created[lte]={until}&limit=100");
        self.page(&path, after).await
    }

    /// A refund as it stands.
    pub(crate) async fn refund(&self, id: &str) -> Result<ReversalFact, ApiError> {
        let at = now() / 1_000;
        Ok(self.get::<Refund>(&format!("/v1/refunds/{id}")).await?.fact(at))
    }

    /// A dispute as it stands.
    pub(crate) async fn dispute(&self, id: &str) -> Result<ReversalFact, ApiError> {
        let at = now() / 1_000;
        Ok(self.get::<Dispute>(&format!("/v1/disputes/{id}")).await?.fact("", at))
    }

    /// All refunds and disputes of a payment, as they stand.
    pub(crate) async fn reversals_of(&self, payment_intent: &str) -> Result<Vec<ReversalFact>, ApiError> {
        let at = now() / 1_000;
        let mut facts = Vec::new();
        let path = format!("/v1/refunds?payment_intent={payment_intent}&limit=100");
        self.all(&path, |refund: Refund| {
            let id = refund.id.clone();
            facts.push(refund.fact(at));
            id
        })
        .await?;
        let path = format!("/v1/disputes?payment_intent={payment_intent}&limit=100");
        self.all(&path, |dispute: Dispute| {
            let id = dispute.id.clone();
            facts.push(dispute.fact("", at));
            id
        })
        .await?;
        Ok(facts)
    }

    /// Hands over everything in a list; `take` answers the id of what it was given.
    async fn all<T: Told>(&self, path: &str, mut take: impl FnMut(T) -> String) -> Result<(), ApiError> {
        let mut after: Option<String> = None;
        for _ in 0..MAX_PAGES {
            let page = self.page(path, after.as_deref()).await?;
            for object in page.data {
                after = Some(take(object));
            }
            if !page.has_more {
                return Ok(());
            }
        }
        Err(ApiError::Other("a list without end".into()))
    }

    async fn page<T: Told>(&self, path: &str, after: Option<&str>) -> Result<Page<T>, ApiError> {
        match after {
            Some(id) => self.get(&format!("{path}&starting_after={id}")).await,
            None => self.get(path).await,
        }
    }

    /// The PaymentIntent that a charge belongs to; old charges have none.
    pub(crate) async fn payment_intent_of(&self, charge: &str) -> Result<Option<String>, ApiError> {
        Ok(self.get::<PaymentOf>(&format!("/v1/charges/{charge}")).await?.0)
    }

    /// A session with who paid it; `id` [is one](super::is_session_id).
    pub(crate) async fn session(&self, id: &str) -> Result<PaidSession, ApiError> {
        let path = format!(
            "/v1/checkout/sessions/{id}?expand[]=payment_intent.latest_charge&expand[]=payment_intent.payment_method"
        );
        self.get(&path).await
    }

    async fn get<T: Told>(&self, path: &str) -> Result<T, ApiError> {
        let read = T::parse(&self.body(path).await?);
        read.map_err(|error| ApiError::Other(format!("an answer that cannot be read: {error}")))
    }

    async fn body(&self, path: &str) -> Result<String, ApiError> {
        self.requests.update(|requests| requests + 1);
        let other = |cause: String| ApiError::Other(cause);
        let deadline = sleep(DEADLINE);
        let answer = self.fetch(path);
        pin_mut!(answer, deadline);
        let (status, body) = match select(answer, deadline).await {
            Either::Left((answer, _)) => answer.map_err(|exception| other(describe(&exception)))?,
            Either::Right(_) => return Err(other(format!("no answer within {} s", DEADLINE.as_secs()))),
        };
        match status {
            200 => Ok(body),
            404 => Err(ApiError::NotFound),
            _ => Err(other(format!("status {status}"))),
        }
    }

    async fn fetch(&self, path: &str) -> Result<(u16, String), JsValue> {
        let request = Request::new_with_str(&format!("{}{path}", self.base))?;
        request.headers().set("authorization", &format!("Bearer {}", self.secret))?;
        request.headers().set("stripe-version", API_VERSION)?;
        let response: Response = JsFuture::from(fetch(&request)?).await?.unchecked_into();
        let body = JsFuture::from(response.text()?).await?;
        Ok((response.status(), body.as_string().unwrap_or_default()))
    }
}
