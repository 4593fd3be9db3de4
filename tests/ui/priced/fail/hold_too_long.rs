use stripeflare::{post, priced};

#[post("/reverse")]
#[priced(cents = 1, hold_s = 3601)]
async fn reverse(text: String) -> String {
    text
}

fn main() {}
