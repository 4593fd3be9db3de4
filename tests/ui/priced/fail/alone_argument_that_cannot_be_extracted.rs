use stripeflare::priced;

struct Text;

#[priced(cents = 1)]
async fn reverse(_: Text) -> &'static str {
    "txet"
}

fn main() {}
