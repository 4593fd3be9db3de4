use stripeflare::{post, priced};

#[post("/reverse")]
#[priced(cents = 1 hold_s = 30)]
async fn reverse(text: String) -> String {
    text
}

fn main() {}
