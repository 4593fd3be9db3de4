use stripeflare::App;

#[stripeflare::main("2")]
fn app() -> App {
    App::new()
}

fn main() {}
