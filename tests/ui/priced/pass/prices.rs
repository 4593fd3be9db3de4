//! Every way to write a price.

use stripeflare::prelude::*;

const PRICE: Cents = Cents::new(2);

mod prices {
    use stripeflare::Cents;

    pub const READ: Cents = Cents::new(3);
}

struct Plan;

impl Plan {
    const PRICE: Cents = Cents::new(4);
}

#[get("/a")]
#[priced(cents = PRICE)]
async fn a() {}

#[get("/b")]
#[priced(max_cents = prices::READ)]
async fn b() -> Priced<()> {
    Priced::new((), prices::READ)
}

#[get("/c")]
#[priced(cents = self::Plan::PRICE)]
async fn c() {}

#[get("/d")]
#[priced(cents = Cents::new(5))]
async fn d() {}

#[get("/e")]
#[priced(cents = 1_000.2500, hold_s = 1)]
async fn e() {}

#[get("/f")]
#[priced(cents = 900719925474.0991)]
async fn f() {}

fn main() {
    let _: App = App::new().routes(routes![a, b, c, d, e, f]);
}
