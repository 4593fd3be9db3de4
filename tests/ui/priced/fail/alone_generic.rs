use stripeflare::priced;

#[priced(cents = 1)]
async fn reverse<T: ToString>(text: T) -> String {
    text.to_string()
}

fn main() {}
