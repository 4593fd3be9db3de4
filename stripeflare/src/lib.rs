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
//! Handlers are axum handlers: every extractor, `State<Env>` too, and every [`IntoResponse`](axum::response::IntoResponse) type
//! works in them. [`Account`] is the caller's account, [`Priced`] a response that says what it cost. More is in the
//! [guides].

#![cfg_attr(
    not(all(feature = "account-page", feature = "panel", feature = "reconcile")),
    allow(dead_code, reason = "what only routes of a feature use is there all the same")
)]

#[cfg(all(feature = "testing", target_arch = "wasm32"))]
compile_error!("the feature `testing` of stripeflare is for tests: name it under [dev-dependencies] alone");

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
#[cfg(feature = "testing")]
pub mod testing;

pub use deployment::charge_user::ChargeOutcome;
pub use deployment::charge_user::charge_user;
pub use deployment::own::Rows;
pub use deployment::own::Table;
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
pub use http::call::background::Background;
pub use http::call::background::Cf;
pub use http::call::meter::Meter;
pub use http::call::meter::MeterError;
pub use http::call::price::Priced;
pub use macros::ColumnEnum;
pub use macros::StripeTable;
pub use macros::StripeUser;
pub use macros::any;
pub use macros::delete;
pub use macros::get;
pub use macros::head;
pub use macros::main;
pub use macros::options;
pub use macros::patch;
pub use macros::post;
pub use macros::priced;
pub use macros::put;
pub use stripeflare_core::account::Overdraft;
pub use stripeflare_core::account::TxError;
pub use stripeflare_core::identity::AccountId;
pub use stripeflare_core::identity::ParseAccountIdError;
pub use stripeflare_core::money::Cents;
pub use stripeflare_core::money::ParseCentsError;
pub use stripeflare_core::money::Rounding;
pub use stripeflare_core::schema::Column;
pub use stripeflare_core::schema::ColumnType;
pub use stripeflare_core::schema::Field;
pub use stripeflare_core::schema::Filter;
pub use stripeflare_core::schema::NotIndexed;
pub use stripeflare_core::schema::Operand;
pub use stripeflare_core::schema::Order;
pub use stripeflare_core::schema::StripeTable;
pub use stripeflare_core::schema::StripeUser;
pub use stripeflare_core::schema::TableKey;
pub use stripeflare_core::schema::Timestamp;
pub use stripeflare_core::sql::Value;

pub use axum;
pub use send_wrapper::SendWrapper;
pub use worker;

/// An amount in cents from a decimal literal, exact to four places; anything else does not compile.
///
/// ```
/// use stripeflare::{Cents, cents};
///
/// const PER_CALL: Cents = cents!(0.25).plus(cents!(1_000));
/// assert_eq!(PER_CALL.to_string(), "1000.25");
/// ```
///
/// ```compile_fail
/// stripeflare::cents!(0.00001);
/// ```
#[macro_export]
macro_rules! cents {
    ($amount:literal) => {
        const { $crate::Cents::from_literal(stringify!($amount)) }
    };
}

/// The list of an application's handlers, for [`App::routes`].
///
/// Two handlers for one method and path do not compile, nor does one that a built-in route would hide.
#[macro_export]
macro_rules! routes {
    ($($route:path),* $(,)?) => {{
        const __ROUTES: &[$crate::__private::RouteDef] = {
            use $crate::__private::Unlisted as __Unlisted;
            // For an empty list, too.
            const _: $crate::__private::RouteDef = <$crate::__private::Listed<()> as __Unlisted>::DEF;
            &[$($crate::__private::Listed::<$route>::DEF),*]
        };
        const _: () = $crate::__private::check_routes(__ROUTES);
        $crate::Routes::<_, { $crate::__private::hidden_route(__ROUTES) }>::new(__ROUTES)$(.with::<$route>())*
    }};
}

/// What the Workers runtime calls. The functions' parameters are what wasm-bindgen names in JavaScript, hence without a prefix.
#[doc(hidden)]
#[macro_export]
macro_rules! __entry {
    ($version:literal, $build:ident, $app:ty, $section:literal, [$($table:path),*]) => {
        const _: () = {
            // On structs wasm-bindgen finds itself by this name alone, whatever its attribute says.
            use $crate::__private::wasm_bindgen;
            use $crate::__private as __p;

            // The one place that wants the user's type: whatever is wrong with it is said once.
            const __TABLES: __p::Tables = &[$(__p::Schema::table::<$table>()),*];
            const __ENTRY: __p::Entry = __p::Entry::of::<$app>($version, __TABLES, || $build().of_any_user());

            // For `cargo stripeflare schema`; it is never loaded.
            #[cfg(target_arch = "wasm32")]
            const _: () = {
                type __User = <$app as __p::AppType>::User;
                const __LENGTH: usize = __p::dump_length_of::<__User>(__TABLES);
                #[used]
                #[unsafe(link_section = $section)]
                static __SCHEMA: [u8; __LENGTH] = __p::dump_of::<__User, __LENGTH>(__TABLES);
            };

            #[wasm_bindgen::prelude::wasm_bindgen(js_name = "fetch", wasm_bindgen = $crate::__private::wasm_bindgen)]
            pub fn __stripeflare_fetch(
                request: __p::web_sys::Request,
                env: __p::Env,
                context: __p::JsContext,
            ) -> __p::js_sys::Promise {
                __p::fetch(&__ENTRY, request, env, context)
            }

            #[wasm_bindgen::prelude::wasm_bindgen(js_name = "scheduled", wasm_bindgen = $crate::__private::wasm_bindgen)]
            pub fn __stripeflare_scheduled(
                event: __p::JsScheduledEvent,
                env: __p::Env,
                context: __p::JsScheduleContext,
            ) -> __p::js_sys::Promise {
                __p::scheduled(&__ENTRY, event, env, context)
            }

            #[wasm_bindgen::prelude::wasm_bindgen(js_name = "queue", wasm_bindgen = $crate::__private::wasm_bindgen)]
            pub fn __stripeflare_queue(
                batch: __p::JsMessageBatch,
                env: __p::Env,
                context: __p::JsContext,
            ) -> __p::js_sys::Promise {
                __p::queue(&__ENTRY, batch, env, context)
            }

            #[wasm_bindgen::prelude::wasm_bindgen(js_name = "DORM", wasm_bindgen = $crate::__private::wasm_bindgen)]
            pub struct __StripeflareObject(__p::Object);

            // Runs once when the module is loaded, before any object is made.
            #[wasm_bindgen::prelude::wasm_bindgen(start, wasm_bindgen = $crate::__private::wasm_bindgen)]
            pub fn __stripeflare_start() {
                let object = __StripeflareObject(__p::Object::unattached());
                __p::extend_durable_object(&wasm_bindgen::JsValue::from(object));
            }

            #[wasm_bindgen::prelude::wasm_bindgen(js_class = "DORM", wasm_bindgen = $crate::__private::wasm_bindgen)]
            impl __StripeflareObject {
                #[wasm_bindgen(constructor)]
                pub fn new(state: __p::JsObjectState, env: __p::Env) -> Self {
                    Self(__ENTRY.object(&state, &env))
                }

                #[wasm_bindgen]
                pub fn call(&self, message: __p::js_sys::Uint8Array) -> __p::js_sys::Uint8Array {
                    self.0.call(&message)
                }

                #[wasm_bindgen]
                pub fn alarm(&self) -> __p::js_sys::Promise {
                    self.0.alarm()
                }
            }
        };
    };
}

/// What nearly every application uses.
pub mod prelude {
    pub use axum::Json;
    pub use axum::extract::{Path, Query, State};
    pub use axum::http::StatusCode;
    pub use axum::response::{IntoResponse, Response};
    pub use worker::Env;

    pub use crate::{
        Account, App, Cents, ColumnEnum, Error, Meter, Overdraft, Priced, Result, StripeTable, StripeUser, Timestamp,
        any, cents, delete, get, head, options, patch, post, priced, put, routes,
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
        Column, ColumnDef, ColumnError, ColumnReader, ColumnType, ColumnWriter, Columns, DefaultValue, Dropped, Field,
        IndexDef, NotIndexed, Schema, Shown, Step, StripeTable, StripeUser, Tables, check_recorded_table,
        check_recorded_type, check_recorded_user, column, column_with_default, dump_length_of, dump_of,
    };
    pub use stripeflare_core::sql::Value;
    pub use worker::Env;
    pub use worker::worker_sys::{
        Context as JsContext, DurableObjectState as JsObjectState, MessageBatch as JsMessageBatch,
        ScheduleContext as JsScheduleContext, ScheduledEvent as JsScheduledEvent,
    };
    pub use {js_sys, wasm_bindgen, wasm_bindgen_futures, web_sys};

    pub use crate::__entry as entry;
    pub use crate::deployment::stats;
    pub use crate::http::app::{App, AppType};
    pub use crate::http::call::charge::{Call, Charge};
    pub use crate::http::call::meter::{NoMaximum, Unmetered, UnmeteredType};
    pub use crate::http::call::price::{Asked, Price};
    pub use crate::http::entry::{Entry, env, fetch, queue, scheduled};
    pub use crate::http::route::{
        Endpoint, Listed, Method, NoApp, ResponseFuture, Route, RouteDef, RouteOf, RowOf, Unlisted, account_from_parts,
        account_from_request, check_routes, from_parts, from_request, hidden_route, into_parts, into_response, run,
        send,
    };
    pub use crate::object::{Object, extend_durable_object};
}
