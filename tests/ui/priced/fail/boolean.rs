use stripeflare::{post, priced};

#[post("/reverse")]
#[priced(cents = true)]
async fn reverse(text: String) -> String {
    text
}

fn main() {}
