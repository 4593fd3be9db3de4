use stripeflare::{App, routes};

async fn hello() {}

fn main() {
    let _: App = App::new().routes(routes![hello]);
}
