use stripeflare::priced;

#[priced(cents = 1)]
struct Reverse;

fn main() {}
