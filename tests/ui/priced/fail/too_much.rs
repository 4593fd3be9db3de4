use stripeflare::{post, priced};

#[post("/reverse")]
#[priced(cents = 900719925474.0992)]
async fn reverse(text: String) -> String {
    text
}

fn main() {}
