use stripeflare::App;

struct Builder;

impl Builder {
    #[stripeflare::main]
    fn app(&self) -> App {
        App::new()
    }
}

fn main() {}
