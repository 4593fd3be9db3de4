use stripeflare::get;

#[get("/files/{*rest}/size")]
async fn hello() -> &'static str {
    "hello"
}

fn main() {}
