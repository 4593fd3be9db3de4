//! A priced function's name is the charged handler, with a route attribute or without; `uncharged` is what was written.
#![deny(warnings)]

use stripeflare::axum::{Router, extract::Request, middleware, routing};
use stripeflare::prelude::*;

/// With a route.
#[get("/trap/{id}")]
#[priced(cents = 1)]
async fn trap(Path(id): Path<u32>, #[allow(unused_mut)] mut text: String) -> String {
    format!("{id}{text}")
}

mod inner {
    use stripeflare::prelude::*;

    /// Without one.
    #[priced(max_cents = 2)]
    pub(crate) async fn report() -> Result<Priced<&'static str>> {
        private::uncharged().await;
        Ok(Priced::new("report", Cents::new(1)))
    }

    #[priced(cents = 1)]
    #[post("/private")]
    async fn private() {}

    pub(super) fn router() -> Router {
        Router::new().route("/private", routing::post(private))
    }

    use stripeflare::axum::{Router, routing};
}

use inner::report;

/// Still there for a while.
#[get("/old")]
#[priced(cents = 1)]
#[deprecated]
async fn old() {}

#[get("/type")]
#[stripeflare::priced(cents = 1)]
async fn r#type() {}

/// Calls others as if they were plain functions.
#[post("/both")]
#[priced(cents = 3)]
async fn both(text: String) -> Result<impl IntoResponse> {
    r#type::uncharged().await;
    report::uncharged().await?;
    Ok(trap::uncharged(Path(1), text).await)
}

async fn layer(request: Request, next: middleware::Next) -> Response {
    next.run(request).await
}

#[stripeflare::main]
fn app() -> App {
    #[get("/in-a-function")]
    #[priced(cents = 1)]
    async fn in_a_function(meter: stripeflare::axum::http::Method) -> String {
        meter.to_string()
    }

    let nested = Router::new()
        .route("/trap/{id}", routing::get(trap).post(trap))
        .route("/report", routing::any(report))
        .layer(middleware::from_fn(layer));
    let merged = Router::new()
        .nest("/v1", nested)
        .route("/both", routing::post(both))
        .route("/f", routing::get(in_a_function))
        .route("/type", routing::get(r#type))
        .merge(inner::router());
    App::new().routes(routes![trap, both, old, in_a_function, r#type]).merge(merged)
}

fn main() {}
