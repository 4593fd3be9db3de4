use stripeflare::App;

#[stripeflare::main(verison = "2")]
fn app() -> App {
    App::new()
}

fn main() {}
