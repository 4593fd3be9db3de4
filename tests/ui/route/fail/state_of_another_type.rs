use stripeflare::prelude::*;

#[derive(Clone)]
struct Database;

#[get("/")]
async fn hello(State(_): State<Database>) {}

fn main() {
    let _: App = App::new().routes(routes![hello]);
}
