use stripeflare::get;

#[get("/")]
fn hello() -> &'static str {
    "hello"
}

fn main() {}
