use stripeflare::{post, priced};

#[post("/reverse")]
#[priced]
async fn reverse(text: String) -> String {
    text
}

fn main() {}
