use stripeflare::get;

#[get("/")]
async fn hello() -> &'static str {
    let greeting = ;
    greeting
}

fn main() {}
