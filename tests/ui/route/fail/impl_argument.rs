use stripeflare::get;

#[get("/")]
async fn hello(name: impl ToString) -> String {
    name.to_string()
}

fn main() {}
