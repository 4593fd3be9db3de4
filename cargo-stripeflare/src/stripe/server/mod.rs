//! The HTTP around it: the API, the payment page, and webhooks on their way out.

mod actions;
mod api;
mod page;
mod routes;
pub(super) mod shared;
pub(super) mod webhooks;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{any, get};

use shared::Inner;

/// Everything that the stand-in answers.
pub(super) fn router(inner: Arc<Inner>) -> Router {
    Router::new()
        .route("/pay/{path}", get(page::show).post(page::submit))
        .route("/v1/{*path}", any(api::handle))
        .layer(DefaultBodyLimit::max(api::MAX_BODY))
        .with_state(inner)
}
