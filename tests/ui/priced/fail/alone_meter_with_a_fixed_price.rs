use stripeflare::{Meter, priced};

#[priced(cents = 1)]
async fn words(meter: Meter, text: String) -> String {
    meter.used().to_string() + &text
}

fn main() {}
