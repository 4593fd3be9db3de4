use stripeflare::get;

#[get("/")]
async fn u8() -> &'static str {
    "8"
}

fn main() {}
