use stripeflare::{post, priced};

#[post("/reverse")]
#[priced(cents = 1, hold_s = 1.5)]
async fn reverse(text: String) -> String {
    text
}

fn main() {}
