use stripeflare::get;

#[get("/words")]
async fn words(meter: stripeflare::Meter) -> String {
    meter.used().to_string()
}

fn main() {}
