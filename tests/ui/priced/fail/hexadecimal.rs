use stripeflare::{post, priced};

#[post("/reverse")]
#[priced(cents = 0x10)]
async fn reverse(text: String) -> String {
    text
}

fn main() {}
