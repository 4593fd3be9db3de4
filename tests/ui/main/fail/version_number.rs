use stripeflare::App;

#[stripeflare::main(version = 2)]
fn app() -> App {
    App::new()
}

fn main() {}
