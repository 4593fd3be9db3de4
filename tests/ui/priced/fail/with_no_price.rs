use stripeflare::prelude::*;

fn words(text: &String) -> usize {
    text.len()
}

#[post("/words")]
#[priced(with = words)]
async fn count(text: String) -> String {
    text
}

fn main() {}
