use stripeflare::priced;

#[priced(cents = 1)]
async fn reverse(text: String) -> String {
    text
}

#[priced(cents = 2)]
async fn twice(text: String) -> String {
    let _ = reverse(text).await;
    String::new()
}

fn main() {}
