use stripeflare::{post, priced};

#[post("/reverse")]
#[priced(cents = 1, cents = 2)]
async fn reverse(text: String) -> String {
    text
}

fn main() {}
