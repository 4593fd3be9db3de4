use stripeflare::{post, priced};

#[post("/reverse")]
#[priced(hold_s = 30)]
async fn reverse(text: String) -> String {
    text
}

fn main() {}
