use stripeflare::get;

const PATH: &str = "/";

#[get(PATH)]
async fn hello() -> &'static str {
    "hello"
}

fn main() {}
