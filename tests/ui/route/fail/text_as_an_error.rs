use stripeflare::prelude::*;

#[get("/")]
async fn hello() -> Result<String> {
    let text = None.ok_or("nothing there")?;
    Ok(text)
}

fn main() {
    let _: App = App::new().routes(routes![hello]);
}
