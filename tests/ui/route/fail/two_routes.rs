use stripeflare::{get, post};

#[get("/")]
#[post("/")]
async fn hello() -> &'static str {
    "hello"
}

fn main() {}
