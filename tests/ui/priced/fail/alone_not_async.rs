use stripeflare::priced;

#[priced(cents = 1)]
fn reverse(text: String) -> String {
    text
}

fn main() {}
