//! Under another name, inside a macro, with names of the standard library shadowed.

#![allow(dead_code)]

use stripeflare as paid;

struct String;
struct Option;

macro_rules! tiers {
    ($($variant:ident)*) => {
        #[derive(paid::ColumnEnum)]
        #[column(crate = paid)]
        enum Tier { $($variant),* }
    };
}

tiers!(Free Pro);

fn main() {
    let _ = <Tier as paid::Column>::to_value(&Tier::Pro);
}
