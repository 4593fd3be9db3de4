use stripeflare::{post, priced};

#[post("/reverse")]
#[priced(cents)]
async fn reverse(text: String) -> String {
    text
}

fn main() {}
