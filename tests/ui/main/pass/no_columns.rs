//! An application without columns of its own.

use stripeflare::prelude::*;

#[stripeflare::main]
pub fn app() -> App {
    App::new()
}

fn main() {}
