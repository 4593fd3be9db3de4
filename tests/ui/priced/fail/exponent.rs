use stripeflare::{post, priced};

#[post("/reverse")]
#[priced(cents = 1e3)]
async fn reverse(text: String) -> String {
    text
}

fn main() {}
