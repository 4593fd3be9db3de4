use stripeflare::{post, priced};

const PRICE: i64 = 1;

#[post("/reverse")]
#[priced(cents = PRICE)]
async fn reverse(text: String) -> String {
    text
}

fn main() {}
