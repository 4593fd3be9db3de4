//! The built-in routes, one file each.

mod account_page;
mod cards;
mod panel;
mod statement;
mod stripe_return;
mod tokens;
mod webhook;

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use http::StatusCode;
use http::header::{CACHE_CONTROL, LOCATION, SET_COOKIE};
use serde::Serialize;
use stripeflare_core::money::Cents;
use stripeflare_core::schema::{PublicColumns, Schema};
use worker::send::SendFuture;

use crate::deployment::{payment_link, payments};
use crate::http::call::context::Context;
use crate::http::reply::answer::{Answer, header};
use crate::http::route::BUILT_IN;

pub(crate) fn routes(schema: Schema) -> Router {
    let tables = [tokens::ROUTES, statement::ROUTES, account_page::ROUTES];
    let router = tables.into_iter().flatten().fold(Router::new(), |router, route| {
        assert!(BUILT_IN.contains(&route.path()), "{} is not in the list of built-in paths", route.path());
        route.register(router)
    });
    let others = [
        ("/me", get(move |request| SendFuture::new(me(request, schema)))),
        ("/topup", get(|request| SendFuture::new(topup(request)))),
        ("/cards", get(|request| SendFuture::new(cards::list(request)))),
        ("/cards/{id}", delete(|request| SendFuture::new(cards::remove(request)))),
        (
            "/stripe/return",
            get(|request| SendFuture::new(stripe_return::come_back(request)))
                .post(|request| SendFuture::new(stripe_return::decide(request))),
        ),
        ("/db/admin-readonly/assign", post(|request| SendFuture::new(panel::assign(request)))),
        ("/db/{who}", get(|request| SendFuture::new(panel::show(request)))),
        ("/stripe-webhook", post(|request| SendFuture::new(webhook::receive(request)))),
    ];
    others.into_iter().fold(router, |router, (path, methods)| {
        assert!(BUILT_IN.contains(&path), "{path} is not in the list of built-in paths");
        router.route(path, methods)
    })
}

#[derive(Serialize)]
#[allow(non_snake_case, reason = "the name clients know")]
struct Me<'a> {
    paymentLink: String,
    client_reference_id: String,
    balance: Cents,
    name: Option<String>,
    email: Option<String>,
    card_fingerprint: Option<String>,
    verified_email: Option<String>,
    registered: bool,
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
        name: row.name,
        email: row.email,
        card_fingerprint: row.card_fingerprint,
        verified_email: row.verified_email,
        registered,
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
    let headers =
        [(LOCATION, header(context.deployment.payment_link(&account))), (CACHE_CONTROL, header("private, no-store"))];
    let mut response = (StatusCode::SEE_OTHER, headers).into_response();
    response.headers_mut().extend(context.leaves_to_pay(&account).map(|cookie| (SET_COOKIE, header(cookie))));
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_route_is_known_to_the_check_of_routes() {
        let _ = routes(Schema::of::<()>());
    }
}
