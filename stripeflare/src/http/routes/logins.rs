//! Logins by payment that wait for the owner of an account, and its lock, for programs; `/account` is for people.

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Serialize;
use stripeflare_core::account::{LastToken, LoginState, NoLogin, PendingLogin, letters};
use stripeflare_core::protocol::account::{DecideLogin, Lock, PendingLogins};

use crate::http::call::context::{Context, Inner};
use crate::http::reply::answer::Answer;
use crate::http::reply::date::moment_text;

/// A login as `GET /tokens` shows it.
#[derive(Serialize)]
pub(crate) struct Shown {
    id: String,
    /// As the waiting browser shows them.
    letters: String,
    approved: bool,
    asked_at: String,
    matures_at: String,
    expires_at: String,
}

impl From<PendingLogin> for Shown {
    fn from(login: PendingLogin) -> Self {
        Self {
            letters: letters(&login.payment),
            approved: login.state == LoginState::Approved,
            asked_at: moment_text(login.at),
            matures_at: moment_text(login.matures_at),
            expires_at: moment_text(login.expires_at),
            id: login.payment,
        }
    }
}

/// Those that wait for the owner of the caller's account.
pub(crate) async fn pending(context: &Inner) -> Result<Vec<PendingLogin>, Response> {
    match context.token()? {
        Some((token, _)) => Ok(context.ask(token, PendingLogins).await?.unwrap_or_default()),
        None => Ok(Vec::new()),
    }
}

/// Lets one in, or ends it.
pub(crate) async fn decide(context: &Inner, payment: String, approve: bool) -> Result<(), Response> {
    context.change(DecideLogin { payment, approve }).await?.map_err(|NoLogin| {
        Answer::new(StatusCode::NOT_FOUND, "no_login", "No such login waits: it has ended, or there was none.").into()
    })
}

impl Inner {
    /// Without a card, a lost token is a lost account: a caller whose token is the only one that manages it has to say that it
    /// is `kept`.
    pub(crate) async fn lock(&self, locked: bool, kept: bool) -> Result<(), Response> {
        self.change(Lock { locked, kept }).await?.map_err(|LastToken| {
            let message = "No card opens a locked account, and no other access token manages this one. Make another and keep it, \
                           or keep this one and say so: ?kept=true.";
            Answer::new(StatusCode::CONFLICT, "last_token", message).into()
        })
    }

    /// # Errors
    /// The answer to a call that came with a cookie: what lasts takes a bearer, or a person's hand.
    pub(crate) fn refuse_cookie(&self) -> Result<(), Response> {
        if !self.is_by_cookie() {
            return Ok(());
        }
        let message = "This takes the access token as Authorization: Bearer; people press the button on /account.";
        Err(Answer::new(StatusCode::FORBIDDEN, "bearer_needed", message).into())
    }
}

/// `POST /logins/{id}/approve` and `/refuse`
pub(super) async fn answer(request: Request) -> Result<Response, Response> {
    let (parts, _) = request.into_parts();
    let context = Context::from(&parts)?;
    context.refuse_cookie()?;
    let mut path = parts.uri.path().rsplit('/');
    let approve = path.next() == Some("approve");
    decide(&context, path.next().unwrap_or_default().to_owned(), approve).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `POST /lock` and `/unlock`
pub(super) async fn lock(request: Request) -> Result<Response, Response> {
    let (parts, _) = request.into_parts();
    let context = Context::from(&parts)?;
    context.refuse_cookie()?;
    context.lock(parts.uri.path().ends_with("/lock"), says(&parts.uri, "kept=true")).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Whether the query has this pair.
pub(super) fn says(uri: &http::Uri, pair: &str) -> bool {
    uri.query().is_some_and(|query| query.split('&').any(|it| it == pair))
}
