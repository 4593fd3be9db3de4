use stripeflare::get;

#[get("/files/*rest")]
async fn hello() -> &'static str {
    "hello"
}

fn main() {}
