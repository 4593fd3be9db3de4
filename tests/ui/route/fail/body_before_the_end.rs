use stripeflare::post;

use stripeflare::axum::Json;
use stripeflare::axum::http::Method;

#[post("/")]
async fn hello(body: Json<String>, _: Method) -> String {
    body.0
}

fn main() {}
