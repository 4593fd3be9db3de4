use stripeflare::get;

#[get("/hello?name=x")]
async fn hello() -> &'static str {
    "hello"
}

fn main() {}
