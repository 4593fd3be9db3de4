//! Handlers may hold what stays on its thread across an await.

use std::rc::Rc;

use stripeflare::axum::{Router, routing};
use stripeflare::prelude::*;

#[get("/")]
async fn hello() -> String {
    let name = Rc::new("you".to_owned());
    std::future::ready(()).await;
    format!("hello {name}")
}

#[priced(cents = 1)]
async fn alone(body: String) -> String {
    let body = Rc::new(body);
    std::future::ready(()).await;
    body.to_string()
}

fn main() {
    let _: App = App::new().routes(routes![hello]);
    let _: Router = Router::new().route("/", routing::post(alone));
}
