use stripeflare::get;

#[get("/notes/{id}.json")]
async fn hello() -> &'static str {
    "hello"
}

fn main() {}
