//! `GET /cards` and `DELETE /cards/{id}`: the cards and Link accounts that log in to the caller's account.

use axum::Json;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Serialize;
use stripeflare_core::account::CardRow;
use stripeflare_core::identity::AccountId;
use stripeflare_core::protocol::Shard;
use stripeflare_core::protocol::account::{CardReleased, Cards as ReadCards, ReleaseCard};
use stripeflare_core::protocol::directory::ForgetCard;

use crate::http::call::context::Context;
use crate::http::reply::answer::Answer;
use crate::http::reply::date::moment_text;
use crate::js::log_error;
use crate::object::ObjectError;

#[derive(Serialize)]
struct Cards {
    cards: Vec<Shown>,
}

#[derive(Serialize)]
struct Shown {
    id: String,
    kind: &'static str,
    label: String,
    added_at: String,
    /// The id of the token whose bearer added it; it goes with that token.
    token: String,
}

impl From<CardRow> for Shown {
    fn from(row: CardRow) -> Self {
        Self {
            kind: row.kind(),
            id: row.id,
            label: row.card.label,
            added_at: moment_text(row.at),
            token: row.token.to_string(),
        }
    }
}

pub(crate) async fn list(request: Request) -> Response {
    show(request).await.unwrap_or_else(|answer| answer)
}

pub(crate) async fn remove(request: Request) -> Response {
    release(request).await.unwrap_or_else(|answer| answer)
}

async fn show(request: Request) -> Result<Response, Response> {
    let context = Context::from(&request.into_parts().0)?;
    context.mark_personal();
    let cards = owned(&context).await?;
    Ok(Json(Cards { cards: cards.into_iter().map(Shown::from).collect() }).into_response())
}

/// The cards of the caller's account.
pub(crate) async fn owned(context: &Context) -> Result<Vec<CardRow>, Response> {
    match context.token()? {
        Some((token, _)) => Ok(context.ask(token, ReadCards).await?.unwrap_or_default()),
        None => Ok(Vec::new()),
    }
}

async fn release(request: Request) -> Result<Response, Response> {
    let (parts, _) = request.into_parts();
    let context = Context::from(&parts)?;
    let id = parts.uri.path().rsplit('/').next().unwrap_or_default().to_owned();
    give_up(&context, id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// A card logs in to the caller's account no more.
pub(crate) async fn give_up(context: &Context, id: String) -> Result<(), Response> {
    let missing = || Response::from(Answer::new(StatusCode::NOT_FOUND, "no_card", "This account has no such card."));
    let Some(token) = context.spending_token()? else { return Err(missing()) };
    let card = context.ask(token, ReleaseCard { id }).await?.flatten().ok_or_else(missing)?;
    forget_soon(context, token.account(), card).await;
    Ok(())
}

/// The account remembers that a card is to be released: what fails from here on, its alarm makes up for.
pub(super) async fn forget_soon(context: &Context, account: &AccountId, card: CardRow) {
    if let Err(error) = forget(context, account, card).await {
        log_error(format_args!("a card is released later: {error}"));
    }
}

/// Tells the directory, and the account that the directory knows.
async fn forget(context: &Context, account: &AccountId, card: CardRow) -> Result<(), ObjectError> {
    let stubs = &context.deployment.stubs;
    let (id, claim) = (card.id.clone(), card.claim);
    let command = ForgetCard { id: card.id.clone(), account: account.clone(), claim };
    stubs.as_system(&Shard::of(&card.id)).send(command).await?;
    stubs.as_system(account).send(CardReleased { id, claim }).await
}
