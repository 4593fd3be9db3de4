use stripeflare::get;

#[get("/")]
async fn hello() -> &'static str
where
    String: Clone,
{
    "hello"
}

fn main() {}
