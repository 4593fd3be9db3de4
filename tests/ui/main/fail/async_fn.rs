use stripeflare::App;

#[stripeflare::main]
async fn app() -> App {
    App::new()
}

fn main() {}
