//! There is no limit of sixteen.

use stripeflare::axum::http::Method;
use stripeflare::prelude::*;

#[post("/")]
#[priced(cents = 1)]
#[allow(clippy::too_many_arguments)]
async fn many(
    _1: Method,
    _2: Method,
    _3: Method,
    _4: Method,
    _5: Method,
    _6: Method,
    _7: Method,
    _8: Method,
    _9: Method,
    _10: Method,
    _11: Method,
    _12: Method,
    _13: Method,
    _14: Method,
    _15: Method,
    _16: Method,
    body: String,
) -> String {
    body
}

fn main() {
    let _: App = App::new().routes(routes![many]);
}
