use stripeflare::get;

#[get(1)]
async fn hello() -> &'static str {
    "hello"
}

fn main() {}
