use stripeflare::get;

#[get("/")]
#[priced(cents = 1)]
async fn hello() -> &'static str {
    "hello"
}

fn main() {}
