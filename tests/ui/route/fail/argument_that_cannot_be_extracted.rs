use stripeflare::get;

struct Name;

#[get("/")]
async fn hello(name: Name, body: String) -> String {
    body
}

fn main() {}
