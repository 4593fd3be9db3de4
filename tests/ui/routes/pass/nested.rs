#![deny(warnings)]

use stripeflare::Routes;
use stripeflare::prelude::*;

/// Under a prefix, a built-in route's path is free.
#[get("/me")]
async fn me() {}

fn free() -> Routes {
    #[get("/free")]
    async fn free() {}
    routes![free]
}

fn main() {
    let _: App = App::new().nest("/v1", routes![me]).routes(free()).routes(routes![]);
}
