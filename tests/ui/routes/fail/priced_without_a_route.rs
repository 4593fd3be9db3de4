use stripeflare::{App, priced, routes};

#[priced(cents = 1)]
async fn hello() {}

fn main() {
    let _: App = App::new().routes(routes![hello]);
}
