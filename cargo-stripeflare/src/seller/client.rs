//! Stripe's API, as far as setting up an account needs it.

use std::fmt;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Error, Result, anyhow, bail};
use reqwest::{Client, Method, Request, StatusCode};
use serde::Deserialize;
use serde_json::Value;

use crate::stripe::{API_VERSION, random};

const STRIPE: &str = "https://api.stripe.com";

/// Between two tries.
const PAUSES: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(1)];

/// What Stripe gives at most in one answer.
const PAGE: &str = "100";

/// The keys of one mode of a Stripe account. Printing them shows which mode, never a key.
#[derive(Clone)]
pub struct Keys {
    pub(super) secret: String,
    pub(super) publishable: String,
}

impl Keys {
    /// Looks at the keys before Stripe does.
    ///
    /// # Errors
    /// Says which one is no key of the mode that is wanted.
    pub fn new(secret: &str, publishable: &str, live: bool) -> Result<Self> {
        let (secret, publishable) = (secret.trim(), publishable.trim());
        let mode = if live { "live" } else { "test" };
        let (other, advice) =
            if live { ("test", "leave --live out for test mode") } else { ("live", "add --live for live payments") };
        let is = |mode: &str| secret.starts_with(&format!("sk_{mode}_")) || secret.starts_with(&format!("rk_{mode}_"));
        if is(other) {
            bail!("STRIPE_SECRET is a {other} key; {advice}, or give the {mode} key (sk_{mode}_…)");
        }
        if !is(mode) {
            bail!("STRIPE_SECRET is no secret or restricted key of Stripe (sk_{mode}_… or rk_{mode}_…)");
        }
        if !publishable.starts_with(&format!("pk_{mode}_")) {
            bail!("STRIPE_PUBLISHABLE_KEY is no publishable key of the same mode (pk_{mode}_…)");
        }
        Ok(Self { secret: secret.to_owned(), publishable: publishable.to_owned() })
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mode = self.publishable.split('_').nth(1).unwrap_or_default();
        f.debug_struct("Keys").field("mode", &mode).finish_non_exhaustive()
    }
}

/// Speaks for one account in one mode.
#[derive(Debug)]
pub(super) struct Stripe {
    http: Client,
    base: String,
    keys: Keys,
    /// By how many seconds this machine's clock is ahead of Stripe's, by the first answer.
    ahead_s: OnceLock<i64>,
}

#[derive(Deserialize)]
struct List {
    data: Vec<Value>,
    has_more: bool,
}

#[derive(Deserialize)]
struct Failure {
    error: Reason,
}

#[derive(Deserialize)]
struct Reason {
    message: Option<String>,
}

impl Stripe {
    pub(super) fn new(keys: Keys, base: Option<&str>) -> Result<Self> {
        // A key must not follow a redirect to somebody else.
        let mut http = Client::builder().redirect(reqwest::redirect::Policy::none());
        if base.is_some() {
            http = http.no_proxy();
        }
        let base = base.unwrap_or(STRIPE).trim_end_matches('/').to_owned();
        Ok(Self { http: http.build()?, base, keys, ahead_s: OnceLock::new() })
    }

    pub(super) fn keys(&self) -> &Keys {
        &self.keys
    }

    /// By how many seconds this machine's clock is ahead of Stripe's; `None`: nothing was asked yet.
    pub(super) fn ahead_s(&self) -> Option<i64> {
        self.ahead_s.get().copied()
    }

    pub(super) async fn create(&self, kind: &str, fields: &[(&str, &str)]) -> Result<Value> {
        self.send(Method::POST, kind, fields).await
    }

    /// The first object of a kind that fits, newest first.
    pub(super) async fn find(
        &self,
        kind: &str,
        filter: &[(&str, &str)],
        fits: impl Fn(&Value) -> bool,
    ) -> Result<Option<Value>> {
        let mut after: Option<String> = None;
        loop {
            let mut query = filter.to_vec();
            query.push(("limit", PAGE));
            if let Some(after) = &after {
                query.push(("starting_after", after));
            }
            let answer = self.send(Method::GET, kind, &query).await?;
            let list: List = serde_json::from_value(answer).with_context(|| format!("Stripe's list of {kind}"))?;
            let last = list.data.last().and_then(|object| object["id"].as_str()).map(str::to_owned);
            if let Some(found) = list.data.into_iter().find(&fits) {
                return Ok(Some(found));
            }
            match last {
                Some(last) if list.has_more => after = Some(last),
                _ => return Ok(None),
            }
        }
    }

    /// Asks again while it may help. Each try has the same key: Stripe makes nothing twice, and answers what was lost.
    async fn send(&self, method: Method, kind: &str, fields: &[(&str, &str)]) -> Result<Value> {
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = if method == Method::POST {
            let request = self.http.post(format!("{}/v1/{kind}", self.base)).header("Idempotency-Key", random(32));
            request.header("Content-Type", "application/x-www-form-urlencoded").body(form)
        } else {
            self.http.get(format!("{}/v1/{kind}?{form}", self.base))
        };
        let request = request.bearer_auth(&self.keys.secret).header("Stripe-Version", API_VERSION).build()?;
        for pause in PAUSES {
            let again = request.try_clone().context("a request without a body to read")?;
            match self.try_once(again, kind).await {
                Err(Trouble { passes: true, .. }) => tokio::time::sleep(pause).await,
                answer => return answer.map_err(|trouble| trouble.error),
            }
        }
        self.try_once(request, kind).await.map_err(|trouble| trouble.error)
    }

    async fn try_once(&self, request: Request, kind: &str) -> Result<Value, Trouble> {
        let answer = self.http.execute(request).await;
        let answer = answer.with_context(|| format!("Stripe cannot be reached at {}", self.base));
        let answer = answer.map_err(Trouble::passing)?;
        let status = answer.status();
        if let Some(theirs) =
            answer.headers().get("date").and_then(|date| httpdate::parse_http_date(date.to_str().ok()?).ok())
        {
            self.ahead_s.get_or_init(|| seconds_between(theirs, SystemTime::now()));
        }
        let advice = answer.headers().get("stripe-should-retry").map(|advice| advice == "true");
        let body = answer.bytes().await.context("Stripe's answer broke off").map_err(Trouble::passing)?;
        if status.is_success() {
            let read = serde_json::from_slice(&body).context("Stripe answered something that is no JSON");
            return read.map_err(Trouble::lasting);
        }
        let said = serde_json::from_slice::<Failure>(&body).ok().and_then(|failure| failure.error.message);
        let said = said.as_deref().unwrap_or("nothing more");
        let error = match status {
            // Stripe's own messages repeat a part of the key.
            StatusCode::UNAUTHORIZED => {
                anyhow!(
                    "Stripe does not know the key in STRIPE_SECRET: copy it again from dashboard.stripe.com/apikeys"
                )
            }
            StatusCode::FORBIDDEN => match missing_permission(said) {
                Some(permission) => anyhow!(
                    "the restricted key in STRIPE_SECRET lacks the permission {permission}: give it write access to \
                     products, prices, payment links and webhook endpoints at dashboard.stripe.com/apikeys, or use the \
                     secret key"
                ),
                None => anyhow!("the key in STRIPE_SECRET may not use {kind}"),
            },
            _ => anyhow!("Stripe answered {} to {kind}: {said}", status.as_u16()),
        };
        let passes = matches!(status, StatusCode::CONFLICT | StatusCode::TOO_MANY_REQUESTS) || status.is_server_error();
        Err(Trouble { error, passes: advice.unwrap_or(passes) })
    }
}

/// Why a try failed.
struct Trouble {
    error: Error,
    /// Whether another try may succeed.
    passes: bool,
}

impl Trouble {
    fn passing(error: Error) -> Self {
        Self { error, passes: true }
    }

    fn lasting(error: Error) -> Self {
        Self { error, passes: false }
    }
}

fn seconds_between(earlier: SystemTime, later: SystemTime) -> i64 {
    let seconds = |span: Duration| i64::try_from(span.as_secs()).unwrap_or(i64::MAX);
    later.duration_since(earlier).map_or_else(|error| -seconds(error.duration()), seconds)
}

/// `rak_…` in what Stripe says about a restricted key.
fn missing_permission(message: &str) -> Option<&str> {
    message.split('\'').find(|part| part.starts_with("rak_"))
}
