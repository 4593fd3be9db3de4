use stripeflare::get;

#[get("/hello you")]
async fn hello() -> &'static str {
    "hello"
}

fn main() {}
