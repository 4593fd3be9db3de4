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
//! works in them. [`Account`] is the caller's account, [`Priced`] a response that says what it cost.

mod account;
mod error;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
mod http;
mod jobs;
mod money;
mod object;
mod schema;
mod stripe;
mod users;
mod wallet;

pub use account::AccountId;
pub use account::ParseAccountIdError;
pub use error::Error;
pub use error::Result;
pub use http::Account;
pub use http::App;
pub use http::ChargeError;
pub use http::Meter;
pub use http::MeterError;
pub use http::Priced;
pub use http::Reconciled;
pub use http::Routes;
pub use http::UpdateError;
pub use http::reconcile;
pub use jobs::ChargeOutcome;
pub use jobs::charge_user;
pub use money::Cents;
pub use money::ParseCentsError;
pub use schema::Column;
pub use schema::ColumnType;
pub use schema::Field;
pub use schema::Filter;
pub use schema::Operand;
pub use schema::Order;
pub use schema::StripeUser;
pub use schema::Timestamp;
pub use stripeflare_macros::ColumnEnum;
pub use stripeflare_macros::StripeUser;
pub use stripeflare_macros::delete;
pub use stripeflare_macros::get;
pub use stripeflare_macros::main;
pub use stripeflare_macros::patch;
pub use stripeflare_macros::post;
pub use stripeflare_macros::priced;
pub use stripeflare_macros::put;
pub use users::FoundUser;
pub use users::FoundUsers;
pub use users::Users;
pub use wallet::Overdraft;
pub use wallet::Value;

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
    pub use crate::{
        Account, App, Cents, ColumnEnum, Error, Meter, Overdraft, Priced, Result, StripeUser, Timestamp, delete, get,
        patch, post, priced, put, routes,
    };
    pub use axum::Json;
    pub use axum::extract::{Path, Query};
    pub use axum::http::StatusCode;
    pub use axum::response::{IntoResponse, Response};
}

/// What the macros expand to; no part of the interface.
#[doc(hidden)]
pub mod __private {
    pub use crate::http::{
        App, AppType, Call, Charge, Endpoint, Method, NoMaximum, Price, ResponseFuture, Route, RouteDef, Unmetered,
        UnmeteredType, boxed, check_routes, fetch, from_parts, from_request, into_parts, into_response, queue,
        scheduled, send,
    };
    pub use crate::jobs::{env, stats};
    pub use crate::money::Cents;
    pub use crate::object::{Object, Stats, extend_durable_object};
    pub use crate::schema::{
        Column, ColumnDef, ColumnError, ColumnReader, ColumnType, ColumnWriter, DefaultValue, Dropped, Field, IndexDef,
        Shown, Step, StripeUser, check_recorded_type, check_recorded_user, column, column_with_default, dump_length_of,
        dump_of,
    };
    pub use crate::wallet::Value;
    pub use axum::extract::Request;
    pub use axum::response::Response;
    pub use js_sys;
    pub use wasm_bindgen;
    pub use wasm_bindgen_futures;
    pub use web_sys;
    pub use worker::Env;
    pub use worker::worker_sys::{
        Context as JsContext, DurableObjectState as JsObjectState, MessageBatch as JsMessageBatch,
        ScheduleContext as JsScheduleContext, ScheduledEvent as JsScheduledEvent,
    };
}
