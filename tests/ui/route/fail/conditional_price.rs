use stripeflare::get;

#[get("/")]
#[cfg_attr(all(), priced(cents = 1))]
async fn hello() -> &'static str {
    "hello"
}

fn main() {}
