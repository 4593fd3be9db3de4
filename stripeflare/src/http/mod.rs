//! The worker's side: routes, credentials, charging around a handler, and the built-in routes.

mod account;
mod account_page;
mod answer;
mod app;
mod builtin;
mod cards;
mod charge;
mod config;
mod context;
mod credentials;
mod date;
mod endings;
mod glue;
mod idempotency;
mod login;
mod meter;
mod pages;
mod panel;
mod payments;
mod price;
mod route;
mod serve;
mod statement;
mod stream;
mod sweep;
mod tokens;
mod unique;
mod webhook;

pub use account::{Account, ChargeError, UpdateError};
pub use app::{App, AppType, Routes};
pub use charge::{Call, Charge};
pub use meter::{Meter, MeterError, NoMaximum, Unmetered, UnmeteredType};
pub use price::{Price, Priced};
pub use route::{
    Endpoint, Method, ResponseFuture, Route, RouteDef, boxed, check_routes, from_parts, from_request, into_parts,
    into_response, send,
};
pub use serve::{fetch, queue, scheduled};
pub use sweep::{Reconciled, reconcile};

pub(crate) use answer::Answer;
pub(crate) use config::Config;
pub(crate) use context::{Context, Deployment};

use crate::wallet::Millis;

pub(crate) fn now() -> Millis {
    worker::Date::now().as_millis() as Millis
}
