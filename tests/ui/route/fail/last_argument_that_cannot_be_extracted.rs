use stripeflare::get;

struct Name;

#[get("/")]
async fn hello(_: Name) -> &'static str {
    "hello"
}

fn main() {}
