use stripeflare::{post, priced};

#[post("/reverse")]
#[priced(cents = "0.25")]
async fn reverse(text: String) -> String {
    text
}

fn main() {}
