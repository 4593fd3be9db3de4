use stripeflare::App;

#[stripeflare::main]
const fn app() -> App {
    loop {}
}

fn main() {}
