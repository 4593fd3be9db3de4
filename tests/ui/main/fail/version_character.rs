use stripeflare::App;

#[stripeflare::main(version = "1-beta")]
fn app() -> App {
    App::new()
}

fn main() {}
