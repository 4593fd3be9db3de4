use stripeflare::get;

#[get("/")]
struct Hello;

fn main() {}
