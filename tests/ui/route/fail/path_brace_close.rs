use stripeflare::get;

#[get("/notes/id}")]
async fn hello() -> &'static str {
    "hello"
}

fn main() {}
