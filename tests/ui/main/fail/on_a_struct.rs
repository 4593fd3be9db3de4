#[stripeflare::main]
struct Application;

fn main() {}
