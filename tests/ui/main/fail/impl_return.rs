use stripeflare::App;

#[stripeflare::main]
fn app() -> impl Sized {
    App::<()>::new()
}

fn main() {}
