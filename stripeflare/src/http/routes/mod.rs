//! The built-in routes, one file each.

#[cfg(feature = "account-page")]
mod account_page;
mod built_in;
#[cfg(feature = "login")]
mod cards;
#[cfg(feature = "tokens")]
mod logins;
#[cfg(feature = "panel")]
mod panel;
#[cfg(feature = "tokens")]
mod statement;
#[cfg(feature = "login")]
mod stripe_return;
#[cfg(feature = "tokens")]
mod tokens;
mod webhook;

use axum::Json;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{CACHE_CONTROL, LOCATION};
use serde::Serialize;
use stripeflare_core::money::Cents;
use stripeflare_core::schema::{PublicColumns, Schema};

use crate::deployment::{payment_link, payments};
use crate::http::call::context::Context;
use crate::http::reply::answer::{Answer, header};

pub(crate) use built_in::{BUILT_IN, router};

#[derive(Serialize)]
#[allow(non_snake_case, reason = "the name clients know")]
struct Me<'a> {
    paymentLink: String,
    client_reference_id: String,
    balance: Cents,
    /// Which a cent is the smallest unit of, as an ISO code.
    currency: &'a str,
    name: Option<String>,
    email: Option<String>,
    card_fingerprint: Option<String>,
    verified_email: Option<String>,
    registered: bool,
    /// Logins by payment that wait for the owner, or for their time.
    pending_logins: usize,
    /// Those of the owner that are public.
    #[serde(flatten)]
    columns: PublicColumns<'a>,
}

/// `GET /me`: the caller's own account, never a token.
async fn me(request: Request, schema: Schema) -> Response {
    show_me(request, &schema).await.unwrap_or_else(|answer| answer)
}

async fn show_me(request: Request, schema: &Schema) -> Result<Response, Response> {
    let context = Context::from(&request.into_parts().0)?;
    context.give_cookie();
    context.mark_personal();
    let row = context.row(schema).await?;
    let registered = row.is_registered();
    let columns = PublicColumns::of(schema, row.layout, &row.columns).map_err(Answer::unavailable)?;
    Ok(Json(Me {
        paymentLink: context.deployment.payment_link(&row.id),
        client_reference_id: context.deployment.config.references.sign(&row.id),
        balance: row.balance,
        currency: &context.deployment.config.currency,
        name: row.name,
        email: row.email,
        card_fingerprint: row.card_fingerprint,
        verified_email: row.verified_email,
        registered,
        pending_logins: row.pending_logins,
        columns,
    })
    .into_response())
}

/// `GET /topup`: to Stripe, with the reference of whoever came, so that a lost cookie never gets the money.
async fn topup(request: Request) -> Response {
    send_to_stripe(request).await.unwrap_or_else(|answer| answer)
}

async fn send_to_stripe(request: Request) -> Result<Response, Response> {
    let context = Context::from(&request.into_parts().0)?;
    context.give_cookie();
    payments::check_currency(&context.deployment).await.map_err(Answer::unavailable)?;
    payment_link::check_for_payers(&context.deployment).await.map_err(Answer::unavailable)?;
    // Asked, so that nobody pays into an account that the cookie opens no more.
    let account = context.row(&Schema::of::<()>()).await?.id;
    let link = context.deployment.marked_payment_link(&account, context.leaves_to_pay().as_deref());
    Ok((StatusCode::SEE_OTHER, [(LOCATION, header(link)), (CACHE_CONTROL, header("private, no-store"))])
        .into_response())
}
