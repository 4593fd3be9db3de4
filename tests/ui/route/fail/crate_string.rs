use stripeflare::get;

#[get("/", crate = "other")]
async fn hello() -> &'static str {
    "hello"
}

fn main() {}
