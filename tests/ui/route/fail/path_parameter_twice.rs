use stripeflare::get;

#[get("/notes/{id}/{id}")]
async fn hello() -> &'static str {
    "hello"
}

fn main() {}
