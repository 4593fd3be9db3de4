//! A table needs a key.

use stripeflare::prelude::*;

#[derive(StripeTable)]
struct Note {
    id: i64,
}

fn main() {}
