use stripeflare::App;

#[stripeflare::main(version = "123456789012345678901234567890123")]
fn app() -> App {
    App::new()
}

fn main() {}
