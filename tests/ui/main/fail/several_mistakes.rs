use stripeflare::App;

#[stripeflare::main(version = "", versoin = "2")]
async fn app<T>(_: T) -> App {
    App::new()
}

fn main() {}
