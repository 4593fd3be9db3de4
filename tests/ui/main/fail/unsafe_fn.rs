use stripeflare::App;

#[stripeflare::main]
unsafe fn app() -> App {
    App::new()
}

fn main() {}
