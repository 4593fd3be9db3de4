use stripeflare::get;

struct Name;

#[get("/")]
async fn hello(name: Name) -> &'static str {
    "hello"
}

fn main() {}
