use stripeflare::App;

#[stripeflare::main(version = "")]
fn app() -> App {
    App::new()
}

fn main() {}
