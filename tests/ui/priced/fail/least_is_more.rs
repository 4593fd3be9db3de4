use stripeflare::prelude::*;

const LEAST: Cents = cents!(2);

#[get("/report")]
#[priced(max_cents = 1, min_cents = LEAST)]
async fn report(meter: Meter) -> Result<String> {
    Ok(meter.add(LEAST)?.to_string())
}

fn main() {}
