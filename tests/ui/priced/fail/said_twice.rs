use stripeflare::prelude::*;

#[get("/report")]
#[priced(cents = 1)]
async fn report() -> Result<Priced<String>> {
    Ok(Priced::new("two prices".into(), cents!(2)))
}

fn main() {}
