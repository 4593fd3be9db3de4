//! What the operator changes at the panel, as `admin`: whose unclaimed money is, and that of a closed account, and a card that
//! somebody squats.

use std::collections::BTreeMap;

use axum::extract::{Form, FromRequest, Request};
use axum::response::{IntoResponse, Response};
use http::header::{ACCEPT, LOCATION};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use stripeflare_core::account::{Handover, NotHandedOver};
use stripeflare_core::aggregate::Assignment;
use stripeflare_core::identity::AccountId;
use stripeflare_core::money::{Cents, ParseCentsError};
use stripeflare_core::protocol::account;
use stripeflare_core::stripe::named;
use stripeflare_schema::is_invisible;

use super::operator::{Credentials, OPERATOR, check_operator, refuse_foreign, refused};
use crate::deployment::payments;
use crate::http::call::context::Context;
use crate::http::reply::answer::Answer;

/// `POST /db/admin-readonly/assign`
pub(crate) async fn assign(request: Request) -> Response {
    give(request).await.unwrap_or_else(|answer| answer)
}

/// `POST /db/admin-readonly/hand-over`
pub(crate) async fn hand_over(request: Request) -> Response {
    hand(request).await.unwrap_or_else(|answer| answer)
}

/// `POST /db/admin-readonly/free-card`
#[cfg(feature = "login")]
pub(crate) async fn free_card(request: Request) -> Response {
    free(request).await.unwrap_or_else(|answer| answer)
}

/// A program asks, which wants no page.
pub(super) fn wants_json(headers: &HeaderMap) -> bool {
    let accepts = |kind: &str| {
        headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).is_some_and(|accept| accept.contains(kind))
    };
    accepts("application/json") && !accepts("text/html")
}

/// A form that the operator sent, who may change things.
async fn decided<F: DeserializeOwned>(request: Request) -> Result<(Context, F), Response> {
    let context = Context::among(request.extensions())?;
    refuse_foreign(&context, &format!("/db/{OPERATOR}"))?;
    check_operator(&context, request.headers(), Credentials::of(request.headers()), true).await?;
    let Form(form) = Form::from_request(request, &()).await.map_err(IntoResponse::into_response)?;
    Ok((context, form))
}

#[derive(Deserialize)]
struct AssignForm {
    key: String,
    account: String,
    #[serde(default)]
    cents: String,
}

async fn give(request: Request) -> Result<Response, Response> {
    let headers = request.headers().clone();
    let (context, form) = decided::<AssignForm>(request).await?;
    let deployment = &context.deployment;
    let account = account_named(&context, form.account.trim()).await?;
    let amount = amount(&form.cents)?;
    let assignment = Assignment { key: form.key, account, amount, currency: deployment.config.currency.clone() };
    match payments::assign(deployment, assignment).await.map_err(Answer::unavailable)? {
        Err(problem) => Err(Answer::new(StatusCode::CONFLICT, "not_assigned", problem).into()),
        Ok(account) if wants_json(&headers) => Ok(axum::Json(BTreeMap::from([("account", account)])).into_response()),
        Ok(_) => Ok((StatusCode::SEE_OTHER, [(LOCATION, format!("/db/{OPERATOR}?table=unclaimed"))]).into_response()),
    }
}

#[derive(Deserialize)]
struct HandOverForm {
    from: String,
    account: String,
    key: String,
    reason: String,
    #[serde(default)]
    cents: String,
}

/// The most characters of a reason, and of a key.
const MAX_TEXT: usize = 200;

async fn hand(request: Request) -> Result<Response, Response> {
    let headers = request.headers().clone();
    let (context, form) = decided::<HandOverForm>(request).await?;
    let deployment = &context.deployment;
    let [key, reason] = [&form.key, &form.reason].map(|text| text.trim().to_owned());
    if [&key, &reason].iter().any(|text| !(1..=MAX_TEXT).contains(&text.chars().count()) || text.contains(is_invisible))
    {
        return Err(refused(&format!(
            "A handover has a key and a reason, each of 1 to {MAX_TEXT} visible characters."
        )));
    }
    let from = account_named(&context, form.from.trim()).await?;
    let to = account_named(&context, form.account.trim()).await?;
    if deployment.stubs.as_system(&to).send(account::Read { account: to.clone() }).await?.closed {
        return Err(refused("The account that is to have it is closed, too."));
    }
    let wish = Handover { key, to, amount: amount(&form.cents)?, reason };
    let handed = payments::hand_over(deployment, &from, wish).await.map_err(Answer::unavailable)?;
    let handed = handed.map_err(|why| {
        let message = match why {
            NotHandedOver::NotClosed => "The account is not closed: its money is its owner's.".to_owned(),
            NotHandedOver::KeyReused => "The key names another handover.".to_owned(),
            NotHandedOver::TooLittle { available } => {
                format!("There are {} to hand over: take some of that.", named(available, &deployment.config.currency))
            }
        };
        Response::from(Answer::new(StatusCode::CONFLICT, "not_handed_over", message))
    })?;
    if wants_json(&headers) {
        let answer = [("account", handed.to.to_string()), ("amount", handed.amount.to_string())];
        return Ok(axum::Json(BTreeMap::from(answer)).into_response());
    }
    Ok((StatusCode::SEE_OTHER, [(LOCATION, format!("/db/{OPERATOR}?table=closed"))]).into_response())
}

/// Nothing: as much as there is.
fn amount(cents: &str) -> Result<Option<Cents>, Response> {
    match cents.trim() {
        "" => Ok(None),
        cents => cents.parse().map(Some).map_err(|error: ParseCentsError| refused(&error.to_string())),
    }
}

async fn account_named(context: &Context, account: &str) -> Result<AccountId, Response> {
    match context.deployment.config.references.verify(account) {
        Some(account) => Ok(account),
        None => registered(context, account).await,
    }
}

/// A bare id has no tag that a slip of the pen would break, so it must be of an account that is there.
async fn registered(context: &Context, account: &str) -> Result<AccountId, Response> {
    let none = || refused("No such account. Take its client_reference_id, which its owner sees at /me.");
    let account: AccountId = account.parse().map_err(|_| none())?;
    let row = context.deployment.stubs.as_system(&account).send(account::Read { account: account.clone() }).await?;
    if row.is_registered() { Ok(account) } else { Err(none()) }
}

#[cfg(feature = "login")]
#[derive(Deserialize)]
struct FreeForm {
    card: String,
}

#[cfg(feature = "login")]
async fn free(request: Request) -> Result<Response, Response> {
    use stripeflare_core::account::Card;
    use stripeflare_core::protocol::Shard;
    use stripeflare_core::protocol::account::FreeCard;
    use stripeflare_core::protocol::directory::OwnerOf;

    let headers = request.headers().clone();
    let (context, form) = decided::<FreeForm>(request).await?;
    let stubs = &context.deployment.stubs;
    let missing = || {
        let message = "No account has this card. Name it by its fingerprint, as Stripe and the accounts show it, or by the \
                       address of the Link account.";
        Response::from(Answer::new(StatusCode::NOT_FOUND, "no_card", message))
    };
    let id = Card::id_of(form.card.trim());
    let account = stubs.as_system(&Shard::of(&id)).send(OwnerOf { id: id.clone() }).await?.ok_or_else(missing)?;
    let card = stubs.as_system(&account).send(FreeCard { id }).await?.ok_or_else(missing)?;
    crate::http::routes::cards::forget_soon(&context, &account, card).await;
    let reference = context.deployment.config.references.sign(&account);
    if wants_json(&headers) {
        return Ok(axum::Json(BTreeMap::from([("account", reference)])).into_response());
    }
    Ok((StatusCode::SEE_OTHER, [(LOCATION, format!("/db/{reference}?table=entries"))]).into_response())
}
