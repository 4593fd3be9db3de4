use stripeflare::App;

#[stripeflare::main]
fn app(name: String) -> App {
    App::new()
}

fn main() {}
