use stripeflare::App;

#[stripeflare::main]
fn app<T>() -> App {
    App::new()
}

fn main() {}
