use stripeflare::get;

#[get("/hello#top")]
async fn hello() -> &'static str {
    "hello"
}

fn main() {}
