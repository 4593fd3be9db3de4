use stripeflare::{post, priced};

#[post("/reverse")]
#[priced(cents = 1, max_cents = 50)]
async fn reverse(text: String) -> String {
    text
}

fn main() {}
