use stripeflare::get;

struct Greeter;

impl Greeter {
    #[get("/")]
    async fn hello() -> &'static str {
        "hello"
    }
}

fn main() {}
