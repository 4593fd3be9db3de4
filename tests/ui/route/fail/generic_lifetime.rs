use stripeflare::get;

#[get("/")]
async fn hello<'a>(name: &'a str) -> &'a str {
    name
}

fn main() {}
