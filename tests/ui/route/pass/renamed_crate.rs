//! `crate = …` in every macro, where `stripeflare` has another name.

mod vendor {
    pub use stripeflare as money;
}

use vendor::money::prelude::*;

#[get("/", crate = vendor::money)]
async fn hello() {}

#[post("/reverse")]
#[priced(cents = 1, crate = crate::vendor::money)]
async fn reverse(text: String) -> String {
    text
}

#[priced(cents = 1, crate = self::vendor::money)]
async fn alone() {}

#[derive(StripeUser)]
#[stripe_user(crate = vendor::money)]
struct User {
    tier: String,
}

#[vendor::money::main(version = "2", crate = vendor::money)]
fn app() -> App<User> {
    App::new().routes(routes![hello, reverse])
}

fn main() {
    let _: fn() -> App<User> = app;
    let _: vendor::money::axum::Router =
        vendor::money::axum::Router::new().route("/", vendor::money::axum::routing::get(alone));
    let _ = |user: User| user.tier;
}
