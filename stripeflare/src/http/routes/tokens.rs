//! An account's access tokens: list, make, end and change them.

use axum::Json;
use axum::body::to_bytes;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use stripeflare_core::account::{Caps, LastToken, NewToken, Rotated, TokenId, TokenInfo, TooManyTokens};
use stripeflare_core::clock::now;
use stripeflare_core::identity::{AccountId, Token, random_text};
use stripeflare_core::money::Cents;
use stripeflare_core::protocol::Command;
use stripeflare_core::protocol::account::{
    Close, LogOut, LogOutEverywhere, Mint, Revoke, Rotate, Tokens as ReadTokens,
};
use stripeflare_schema::is_invisible;

use crate::http::call::context::{Context, Inner};
use crate::http::reply::answer::Answer;
use crate::http::reply::date::{day_text, moment, moment_text};
use crate::http::reply::refusals;
use crate::http::routes::logins;
use crate::object::ObjectError;

/// A JSON body that describes a token is small.
const MAX_BODY: usize = 16 * 1024;
const MAX_LABEL: usize = 64;

/// What a new token is to be. An unknown field is refused: a cap that nobody reads is none.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    pub(crate) label: String,
    #[serde(default)]
    pub(crate) manage: bool,
    #[serde(default)]
    pub(crate) cap_per_day: Option<Cents>,
    #[serde(default)]
    pub(crate) cap_total: Option<Cents>,
    #[serde(default)]
    pub(crate) expires_at: Option<String>,
}

/// A token as `GET /tokens` shows it.
#[derive(Serialize)]
struct Shown {
    id: TokenId,
    label: String,
    manage: bool,
    login: bool,
    made_by: Option<TokenId>,
    cap_per_day: Option<Cents>,
    cap_total: Option<Cents>,
    spent_today: Cents,
    spent_total: Cents,
    /// On each of the last 31 days on which it spent something.
    spent_days: Vec<SpentDay>,
    created_at: String,
    last_used: Option<String>,
    expires_at: Option<String>,
    this: bool,
}

#[derive(Serialize)]
struct SpentDay {
    day: String,
    amount: Cents,
}

impl From<TokenInfo> for Shown {
    fn from(token: TokenInfo) -> Self {
        let spent_days = token.spent_days.into_iter().map(|(day, amount)| SpentDay { day: day_text(day), amount });
        Self {
            id: token.id,
            label: token.label,
            manage: token.manage,
            login: token.login,
            made_by: token.made_by,
            cap_per_day: token.caps.day,
            cap_total: token.caps.total,
            spent_today: token.spent_day,
            spent_total: token.spent_total,
            spent_days: spent_days.collect(),
            created_at: moment_text(token.created_at),
            last_used: token.last_used_day.map(day_text),
            expires_at: token.expires_at.map(moment_text),
            this: token.this,
        }
    }
}

impl Inner {
    /// Asks the caller's account for what only its owner may ask for.
    ///
    /// # Errors
    /// The answer to a visitor, to a token that does not do, and where nobody has paid.
    pub(crate) async fn change<C: Command<To = AccountId>>(&self, command: C) -> Result<C::Reply, Response> {
        let token = self.spending_token()?;
        self.mark_personal();
        let Some(token) = token else { return Err(no_token()) };
        match self.ask_raw(token, command).await {
            Err(ObjectError::Unregistered) => {
                let message = "Nobody has paid into this account yet: there is nothing to change.";
                Err(Answer::new(StatusCode::CONFLICT, "unregistered", message).into())
            }
            Err(error) => self.not_done(error).and_then(|()| Err(no_token())),
            Ok(reply) => Ok(reply),
        }
    }

    pub(crate) async fn make_token(&self, wanted: Wanted) -> Result<(Token, NewToken), Response> {
        let Some(caller) = self.spending_token()? else { return Err(self.unregistered(Cents::ZERO)) };
        self.mark_personal();
        let token = Token::further(caller.account().clone());
        let hash = token.proof(self.deployment.version).hash;
        let new =
            wanted.check(hash).map_err(|problem| Answer::new(StatusCode::UNPROCESSABLE_ENTITY, "token", problem))?;
        match self.ask(caller, Mint { token: new.clone() }).await? {
            Some(Ok(())) => Ok((token, new)),
            Some(Err(TooManyTokens)) => Err(refusals::too_many_tokens()),
            None => Err(self.unregistered(Cents::ZERO)),
        }
    }

    /// A new secret for the caller's token; `command` gets its hash. The same one again for the same key, lest an answer that
    /// is lost takes the account along.
    async fn renew<C>(&self, key: Option<String>, command: fn(String) -> C) -> Result<Option<Token>, Response>
    where
        C: Command<To = AccountId, Reply = Result<(), Rotated>>,
    {
        let token = match (self.spending_token()?, key) {
            (Some(token), Some(key)) => self.deployment.config.seals.successor(token, &key),
            _ => Token::further(self.account()?),
        };
        let command = command(token.proof(self.deployment.version).hash);
        self.change(command).await?.map_err(|Rotated| refusals::rotated())?;
        // A cookie's scripts never see its token.
        if self.is_by_cookie() {
            self.replace_cookie(token);
            return Ok(None);
        }
        Ok(Some(token))
    }

    pub(crate) async fn rotate(&self, key: Option<&str>) -> Result<Option<Token>, Response> {
        self.renew(key.map(|key| format!("rotate {key}")), |hash| Rotate { hash }).await
    }

    pub(crate) async fn log_out_everywhere(&self, key: Option<&str>) -> Result<Option<Token>, Response> {
        self.renew(key.map(|key| format!("everywhere {key}")), |hash| LogOutEverywhere { hash }).await
    }

    pub(crate) async fn end_token(&self, id: TokenId) -> Result<(), Response> {
        self.change(Revoke { id }).await?.map_err(|LastToken| refusals::last_token())
    }

    /// A token that has ended is forgotten like any other: it may have ended by this very request.
    pub(crate) async fn log_out(&self, forget: bool) -> Result<(), Response> {
        if let Some(token) = self.spending_token()? {
            match self.ask_raw(token, LogOut { forget }).await {
                Ok(Ok(())) | Err(ObjectError::Unregistered | ObjectError::Denied(_)) => {}
                Ok(Err(LastToken)) => return Err(refusals::last_token()),
                Err(error) => return Err(error.into()),
            }
        }
        self.drop_cookies();
        Ok(())
    }

    pub(crate) async fn close_account(&self, forfeit: bool) -> Result<(), Response> {
        let closed = self.change(Close { key: random_text::<16>(), forfeit }).await?;
        closed.map_err(|refusal| refusals::not_closed(&refusal, &self.deployment.config.currency))?;
        self.drop_cookies();
        Ok(())
    }
}

fn no_token() -> Response {
    let message = "This takes an access token, as a cookie or as Authorization: Bearer.";
    Answer::new(StatusCode::UNAUTHORIZED, "no_token", message).into()
}

impl Wanted {
    fn check(self, hash: String) -> Result<NewToken, String> {
        let length = self.label.trim().chars().count();
        if !(1..=MAX_LABEL).contains(&length) || self.label.chars().any(is_invisible) {
            return Err(format!(
                "A token's label is 1 to {MAX_LABEL} characters, none of them a line break, invisible, or turning the direction of a text."
            ));
        }
        let caps = Caps { day: self.cap_per_day, total: self.cap_total };
        if caps.day.iter().chain(&caps.total).any(|cap| !cap.is_positive()) {
            return Err("A cap is more than nothing.".into());
        }
        if self.manage && caps != Caps::default() {
            return Err("A token that manages could make another one without its cap: it has none.".into());
        }
        if self.manage && self.expires_at.is_some() {
            return Err("A token that manages could make another one that does not end: it has no end itself.".into());
        }
        let expires_at = self
            .expires_at
            .map(|text| {
                moment(&text).filter(|at| *at > now()).ok_or_else(|| {
                    format!(
                        "expires_at is a day in UTC or a moment with its offset, to come, such as {}.",
                        moment_text(now())
                    )
                })
            })
            .transpose()?;
        let (id, label, manage) = (TokenId::generate(), self.label, self.manage);
        Ok(NewToken { id, hash, label, manage, login: false, caps, expires_at })
    }
}

pub(super) async fn list(request: Request) -> Result<Response, Response> {
    #[derive(Serialize)]
    struct Tokens {
        tokens: Vec<Shown>,
        pending_logins: Vec<logins::Shown>,
    }
    let context = Context::from(&request.into_parts().0)?;
    let token = context.token()?;
    context.mark_personal();
    let Some((token, _)) = token else { return Err(no_token()) };
    let tokens = match context.ask_raw(token, ReadTokens).await {
        Ok(tokens) => tokens,
        // Nobody has paid yet: there is nothing to list.
        Err(ObjectError::Unregistered) => Vec::new(),
        Err(error) => return context.not_done(error).and_then(|()| Err(no_token())),
    };
    let pending_logins = logins::pending(&context).await?.into_iter().map(logins::Shown::from).collect();
    Ok(Json(Tokens { tokens: tokens.into_iter().map(Shown::from).collect(), pending_logins }).into_response())
}

pub(super) async fn make(request: Request) -> Result<Response, Response> {
    #[derive(Serialize)]
    struct Made {
        id: TokenId,
        /// Shown this once.
        access_token: String,
    }
    let (parts, body) = request.into_parts();
    let context = Context::from(&parts)?;
    let invalid = |problem: String| {
        let example =
            r#"{"label": "agent", "manage": false, "cap_per_day": 100, "cap_total": null, "expires_at": "2030-01-01"}"#;
        Response::from(Answer::new(
            StatusCode::BAD_REQUEST,
            "token",
            format!("{problem}. Send JSON such as {example}."),
        ))
    };
    // Before a look at what is asked for: another site's call is not read.
    context.spending_token()?;
    let body = to_bytes(body, MAX_BODY).await.map_err(|_| invalid("The body is too large".into()))?;
    let wanted: Wanted = serde_json::from_slice(&body).map_err(|error| invalid(error.to_string()))?;
    if wanted.manage {
        context.refuse_cookie()?;
    }
    let (token, new) = context.make_token(wanted).await?;
    Ok((StatusCode::CREATED, Json(Made { id: new.id, access_token: token.expose() })).into_response())
}

pub(super) async fn end(request: Request) -> Result<Response, Response> {
    let (parts, _) = request.into_parts();
    let id = parts.uri.path().rsplit('/').next().unwrap_or_default().to_owned();
    Context::from(&parts)?.end_token(TokenId::from(id)).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

pub(super) async fn rotate(request: Request) -> Result<Response, Response> {
    let (parts, _) = request.into_parts();
    let context = Context::from(&parts)?;
    context.rotate(context.call.key()?).await.map(renewed)
}

pub(super) async fn log_out_everywhere(request: Request) -> Result<Response, Response> {
    let (parts, _) = request.into_parts();
    let context = Context::from(&parts)?;
    context.log_out_everywhere(context.call.key()?).await.map(renewed)
}

fn renewed(token: Option<Token>) -> Response {
    #[derive(Serialize)]
    struct Renewed {
        access_token: String,
    }
    match token {
        Some(token) => Json(Renewed { access_token: token.expose() }).into_response(),
        None => StatusCode::NO_CONTENT.into_response(),
    }
}

pub(super) async fn log_out(request: Request) -> Result<Response, Response> {
    let (parts, _) = request.into_parts();
    Context::from(&parts)?.log_out(logins::says(&parts.uri, "forget=true")).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

pub(super) async fn close(request: Request) -> Result<Response, Response> {
    let (parts, _) = request.into_parts();
    Context::from(&parts)?.close_account(logins::says(&parts.uri, "forfeit=true")).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_labels_with_bidirectional_and_zero_width_characters() {
        let check = |label: &str| Wanted { label: label.to_owned(), ..Wanted::default() }.check(String::new());
        for good in ["agent", "Zoë's agent", "代理人", "وكيل", "a\u{a0}b", "🤖", &"a".repeat(MAX_LABEL)] {
            assert!(check(good).is_ok(), "{good}");
        }
        for bad in ["", " ", "\u{a0}", "a\nb", "a\u{7f}", &"a".repeat(MAX_LABEL + 1)] {
            assert!(check(bad).is_err(), "{bad:?}");
        }
        for invisible in
            "\u{200b}\u{200d}\u{200f}\u{202e}\u{2066}\u{2069}\u{61c}\u{ad}\u{feff}\u{2060}\u{3164}\u{fe0f}\u{e0041}"
                .chars()
        {
            assert!(check(&format!("first{invisible}")).is_err(), "{}", invisible.escape_unicode());
        }
    }
}
