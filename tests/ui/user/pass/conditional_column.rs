//! A field that is not there is no column.

use stripeflare::StripeUser;

#[derive(StripeUser)]
struct User {
    #[cfg(any())]
    gone: NoSuchType,
    #[cfg_attr(all(), column(default = "free"))]
    tier: String,
}

fn main() {
    let _ = |user: User| user.tier;
}
