use stripeflare::{post, priced};

#[post("/reverse")]
#[priced(cents = 1u32)]
async fn reverse(text: String) -> String {
    text
}

fn main() {}
