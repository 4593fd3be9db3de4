use stripeflare::get;

struct Greeter;

impl Greeter {
    #[get("/")]
    async fn hello(&self) -> &'static str {
        "hello"
    }
}

fn main() {}
