use stripeflare::get;

#[get("/")]
async fn hello<T: ToString>(name: T) -> String {
    name.to_string()
}

fn main() {}
