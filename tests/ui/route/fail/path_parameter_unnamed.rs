use stripeflare::get;

#[get("/notes/{}")]
async fn hello() -> &'static str {
    "hello"
}

fn main() {}
