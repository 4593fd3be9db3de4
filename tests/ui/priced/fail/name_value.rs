use stripeflare::{post, priced};

#[post("/reverse")]
#[priced = 1]
async fn reverse(text: String) -> String {
    text
}

fn main() {}
