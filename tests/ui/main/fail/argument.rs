use stripeflare::App;

#[stripeflare::main]
fn app(_: String) -> App {
    App::new()
}

fn main() {}
