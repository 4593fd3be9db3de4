use stripeflare::{priced, routes};

#[priced(cents = 1)]
async fn hello() {}

fn main() {
    let _ = routes![hello];
}
