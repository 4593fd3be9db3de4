//! A price that depends on how the worker is built.

use stripeflare::{App, post, priced, routes};

#[post("/reverse")]
#[cfg_attr(all(), priced(cents = 1))]
#[cfg_attr(any(), priced(cents = 2))]
async fn reverse(text: String) -> String {
    text
}

fn main() {
    let _: App = App::new().routes(routes![reverse]);
}
