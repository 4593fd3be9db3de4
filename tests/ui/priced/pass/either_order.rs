//! The order of the attributes is free, and others may stand between them.

use stripeflare::prelude::*;

/// The route first.
#[post("/first")]
#[allow(clippy::unused_async)]
#[priced(cents = 1)]
async fn first(text: String) -> String {
    text
}

#[priced(max_cents = 50, hold_s = 3600)]
/// The price first.
#[post("/second")]
async fn second(text: String) -> Result<Priced<String>> {
    Ok(Priced::new(text, Cents::new(3)))
}

#[stripeflare::priced(cents = 0.0001)]
#[stripeflare::post("/third")]
async fn third() {}

fn main() {
    let _: App = App::new().routes(routes![first, second, third]);
}
