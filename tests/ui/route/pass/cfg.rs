//! A handler that is not there takes its hidden type along.

use stripeflare::{get, post, priced, routes};

#[get("/here")]
async fn here() {}

#[cfg(any())]
#[get("/gone")]
async fn gone(nothing: NoSuchType) {}

#[get("/gone")]
#[cfg(any())]
async fn gone(nothing: NoSuchType) {}

#[post("/gone")]
#[priced(cents = 1)]
#[cfg(not(any()))]
async fn gone() {}

fn main() {
    let _: stripeflare::App = stripeflare::App::new().routes(routes![gone, here]);
}
