//! Generated code names everything by an absolute path.
#![allow(dead_code, unused_imports, unused_macros)]

mod stripeflare_names {
    pub use stripeflare::{App as Application, StripeUser, get, post, priced, routes};
}

use stripeflare_names::*;

struct Result;
struct Option;
struct Future;
struct Send;
enum Names {
    Ok,
    Err,
    Some,
    None,
}
use Names::*;
struct String;
struct Request;
struct Response;
mod core {}
mod std {}

macro_rules! concat {
    () => {};
}
macro_rules! module_path {
    () => {};
}
macro_rules! unreachable {
    () => {};
}

#[get("/")]
async fn hello(__parts: ::std::string::String) -> ::std::string::String {
    __parts
}

#[post("/reverse")]
#[priced(cents = 1)]
async fn reverse(
    __body: stripeflare::axum::http::Method,
    __charge: ::std::string::String,
) -> ::std::string::String {
    let _ = __body;
    __charge
}

#[priced(cents = 1)]
async fn alone(text: ::std::string::String) -> ::std::string::String {
    text
}

#[derive(StripeUser)]
struct User {
    tier: ::std::string::String,
}

#[stripeflare::main]
fn fetch() -> Application<User> {
    Application::new().routes(routes![hello, reverse])
}

fn main() {}
