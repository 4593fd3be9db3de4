#[stripeflare::main]
fn app() -> Result<stripeflare::App, String> {
    Ok(stripeflare::App::new())
}

fn main() {}
