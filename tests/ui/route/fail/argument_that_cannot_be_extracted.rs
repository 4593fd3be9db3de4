use stripeflare::get;

struct Name;

#[get("/")]
async fn hello(_: Name, body: String) -> String {
    body
}

fn main() {}
