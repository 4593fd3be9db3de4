//! Turn async functions into a paid API on Cloudflare Workers.
//!
//! People and agents pay with Stripe, keep a prepaid balance in a Durable Object of their own, and are charged per call.
//!
//! ```no_run
//! use serde::{Deserialize, Serialize};
//! use stripeflare::prelude::*;
//!
//! #[derive(Serialize, Deserialize)]
//! struct Text {
//!     text: String,
//! }
//!
//! /// Reverses a text.
//! #[post("/reverse")]
//! #[priced(cents = 1)]
//! async fn reverse(Json(input): Json<Text>) -> Json<Text> {
//!     Json(Text { text: input.text.chars().rev().collect() })
//! }
//!
//! #[stripeflare::main]
//! fn app() -> App {
//!     App::new().routes(routes![reverse])
//! }
//! # fn main() {}
//! ```
//!
//! Handlers are axum handlers: every extractor of state `()` and every [`IntoResponse`](axum::response::IntoResponse) type
//! works in them. [`Account`] is the caller's account, [`Priced`] a response that says what it cost. More is in the
//! [guides].

#![cfg_attr(
    not(all(feature = "account-page", feature = "panel", feature = "reconcile")),
    allow(dead_code, reason = "what only routes of a feature use is there all the same")
)]

mod deployment;
mod error;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
#[cfg(any(doc, doctest))]
pub mod guides;
mod http;
mod js;
mod macros;
mod object;

pub use deployment::charge_user::ChargeOutcome;
pub use deployment::charge_user::charge_user;
#[cfg(feature = "reconcile")]
pub use deployment::reconcile::Reconciled;
#[cfg(feature = "reconcile")]
pub use deployment::reconcile::reconcile;
pub use deployment::users::FoundUser;
pub use deployment::users::FoundUsers;
pub use deployment::users::Users;
pub use error::Error;
pub use error::Result;
pub use http::app::App;
pub use http::app::Routes;
pub use http::call::account::Account;
pub use http::call::account::ChargeError;
pub use http::call::account::UpdateError;
pub use http::call::meter::Meter;
pub use http::call::meter::MeterError;
pub use http::call::price::Priced;
pub use macros::ColumnEnum;
pub use macros::StripeUser;
pub use macros::delete;
pub use macros::get;
pub use macros::main;
pub use macros::patch;
pub use macros::post;
pub use macros::priced;
pub use macros::put;
pub use stripeflare_core::account::Overdraft;
pub use stripeflare_core::identity::AccountId;
pub use stripeflare_core::identity::ParseAccountIdError;
pub use stripeflare_core::money::Cents;
pub use stripeflare_core::money::ParseCentsError;
pub use stripeflare_core::schema::Column;
pub use stripeflare_core::schema::ColumnType;
pub use stripeflare_core::schema::Field;
pub use stripeflare_core::schema::Filter;
pub use stripeflare_core::schema::Operand;
pub use stripeflare_core::schema::Order;
pub use stripeflare_core::schema::StripeUser;
pub use stripeflare_core::schema::Timestamp;
pub use stripeflare_core::sql::Value;

pub use axum;
pub use send_wrapper::SendWrapper;
pub use worker;

/// The list of an application's handlers, for [`App::routes`].
///
/// Two handlers for one method and path do not compile.
#[macro_export]
macro_rules! routes {
    ($($route:path),* $(,)?) => {{
        const __ROUTES: &[$crate::__private::RouteDef] = &[$($crate::__private::RouteDef::of::<$route>()),*];
        const _: () = $crate::__private::check_routes(__ROUTES);
        $crate::Routes::new(__ROUTES)
    }};
}

/// What nearly every application uses.
pub mod prelude {
    pub use axum::Json;
    pub use axum::extract::{Path, Query};
    pub use axum::http::StatusCode;
    pub use axum::response::{IntoResponse, Response};

    pub use crate::{
        Account, App, Cents, ColumnEnum, Error, Meter, Overdraft, Priced, Result, StripeUser, Timestamp, delete, get,
        patch, post, priced, put, routes,
    };
}

/// What the macros expand to; no part of the interface.
#[doc(hidden)]
pub mod __private {
    pub use axum::extract::Request;
    pub use axum::response::Response;
    pub use stripeflare_core::money::Cents;
    pub use stripeflare_core::protocol::Stats;
    pub use stripeflare_core::schema::{
        Column, ColumnDef, ColumnError, ColumnReader, ColumnType, ColumnWriter, DefaultValue, Dropped, Field, IndexDef,
        Shown, Step, StripeUser, check_recorded_type, check_recorded_user, column, column_with_default, dump_length_of,
        dump_of,
    };
    pub use stripeflare_core::sql::Value;
    pub use worker::Env;
    pub use worker::worker_sys::{
        Context as JsContext, DurableObjectState as JsObjectState, MessageBatch as JsMessageBatch,
        ScheduleContext as JsScheduleContext, ScheduledEvent as JsScheduledEvent,
    };
    pub use {js_sys, wasm_bindgen, wasm_bindgen_futures, web_sys};

    pub use crate::deployment::stats;
    pub use crate::http::app::{App, AppType};
    pub use crate::http::call::charge::{Call, Charge};
    pub use crate::http::call::meter::{NoMaximum, Unmetered, UnmeteredType};
    pub use crate::http::call::price::Price;
    pub use crate::http::entry::{env, fetch, queue, scheduled};
    pub use crate::http::route::{
        Endpoint, Method, ResponseFuture, Route, RouteDef, boxed, check_routes, from_parts, from_request, into_parts,
        into_response, send,
    };
    pub use crate::object::{Object, extend_durable_object};
}
