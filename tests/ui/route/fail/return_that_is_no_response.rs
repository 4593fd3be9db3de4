use stripeflare::get;

struct Greeting;

#[get("/")]
async fn hello() -> Greeting {
    Greeting
}

fn main() {}
