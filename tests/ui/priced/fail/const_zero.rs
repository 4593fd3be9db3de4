use stripeflare::{Cents, post, priced};

const PRICE: Cents = Cents::new(0);

#[post("/reverse")]
#[priced(cents = PRICE)]
async fn reverse(text: String) -> String {
    text
}

fn main() {}
