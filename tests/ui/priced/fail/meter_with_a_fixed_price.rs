use stripeflare::{Meter, get, priced};

#[get("/words")]
#[priced(cents = 1)]
async fn words(meter: Meter) -> String {
    meter.used().to_string()
}

fn main() {}
