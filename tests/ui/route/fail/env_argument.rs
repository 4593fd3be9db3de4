use stripeflare::prelude::*;

#[get("/")]
async fn hello(_: Env) {}

fn main() {
    let _: App = App::new().routes(routes![hello]);
}
