use stripeflare::App;

struct User;

#[stripeflare::main]
fn app() -> App<User> {
    App::new()
}

fn main() {}
