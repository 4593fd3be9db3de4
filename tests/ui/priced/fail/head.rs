use stripeflare::prelude::*;

#[head("/")]
#[priced(cents = 1)]
async fn about() {}

fn main() {
    let _: App = App::new().routes(routes![about]);
}
