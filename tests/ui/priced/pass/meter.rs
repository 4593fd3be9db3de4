//! A meter in a route with a maximum, and a type of one's own that is only called like it.
#![deny(warnings)]

use stripeflare::axum::body::Body;
use stripeflare::prelude::*;

const WORD: Cents = Cents::new(1);

#[get("/words")]
#[priced(max_cents = 50, hold_s = 10)]
async fn words(Path(count): Path<usize>, meter: Meter) -> Result<Body> {
    meter.add(WORD * count)?;
    Ok(Body::empty())
}

#[priced(max_cents = WORD)]
async fn alone(meter: Meter) -> String {
    meter.left().to_string()
}

mod electricity {
    use stripeflare::axum::extract::FromRequestParts;
    use stripeflare::axum::http::{StatusCode, request::Parts};

    pub struct Meter;

    impl<S: Sync> FromRequestParts<S> for Meter {
        type Rejection = StatusCode;
        async fn from_request_parts(_: &mut Parts, _: &S) -> Result<Self, StatusCode> {
            Ok(Self)
        }
    }
}

#[get("/electricity")]
#[priced(cents = 1)]
async fn electricity_meter(_: electricity::Meter) {}

#[get("/electricity/free")]
async fn free(_: electricity::Meter, _: String) {}

#[stripeflare::main]
fn app() -> App {
    let router = stripeflare::axum::Router::new().route("/alone", stripeflare::axum::routing::get(alone));
    App::new().routes(routes![words, electricity_meter, free]).merge(router)
}

fn main() {}
