use stripeflare::get;

#[get("/", path = "/hello")]
async fn hello() -> &'static str {
    "hello"
}

fn main() {}
