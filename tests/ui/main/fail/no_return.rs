use stripeflare::App;

#[stripeflare::main]
fn app() {
    let _ = App::<()>::new();
}

fn main() {}
