use stripeflare::{App, routes};

struct Hello;

fn main() {
    let _: App = App::new().routes(routes![Hello]);
}
