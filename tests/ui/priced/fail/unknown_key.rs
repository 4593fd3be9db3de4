use stripeflare::{post, priced};

#[post("/reverse")]
#[priced(cent = 1)]
async fn reverse(text: String) -> String {
    text
}

fn main() {}
