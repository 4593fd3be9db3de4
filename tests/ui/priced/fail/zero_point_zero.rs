use stripeflare::{post, priced};

#[post("/reverse")]
#[priced(max_cents = 0.0)]
async fn reverse(text: String) -> String {
    text
}

fn main() {}
