//! The expansion adds no warning, whatever is denied or even forbidden.
#![deny(
    warnings,
    missing_docs,
    unreachable_pub,
    unused,
    rust_2018_idioms,
    clippy::all
)]
#![forbid(nonstandard_style, unsafe_code, unused_imports)]

use stripeflare::axum;
use stripeflare::axum::extract::Path;
use stripeflare::axum::http::StatusCode;
use stripeflare::{App, Cents, Priced, StripeUser, get, post, priced, routes};

/// A greeting.
#[get("/")]
pub async fn hello() -> &'static str {
    "hello"
}

/// One argument.
#[post("/echo")]
pub async fn echo(body: String) -> String {
    body
}

#[post("/reverse")]
#[priced(cents = 1)]
async fn reverse(Path(id): Path<u32>, body: String) -> (StatusCode, String) {
    (StatusCode::OK, format!("{id}{body}"))
}

/// Priced without arguments.
#[priced(max_cents = 1)]
pub async fn alone() -> Priced<&'static str> {
    Priced::new("", Cents::new(1))
}

mod inner {
    #[stripeflare::get("/inner")]
    pub(crate) async fn inner() {}
}

/// A user.
#[derive(StripeUser)]
pub struct User {
    #[column(default = "free", index)]
    tier: String,
}

#[stripeflare::main]
fn app() -> App<User> {
    let router = axum::Router::new().route("/alone", axum::routing::get(alone));
    App::new()
        .routes(routes![hello, echo, reverse, inner::inner])
        .merge(router)
}

fn main() {
    let _: fn() -> App<User> = app;
    let _ = |user: &User| user.tier.len();
}
