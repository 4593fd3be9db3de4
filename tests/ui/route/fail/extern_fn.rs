use stripeflare::get;

#[get("/")]
async extern "C" fn hello() {}

fn main() {}
