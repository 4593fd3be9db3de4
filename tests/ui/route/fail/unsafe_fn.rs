use stripeflare::get;

#[get("/")]
async unsafe fn hello() -> &'static str {
    "hello"
}

fn main() {}
