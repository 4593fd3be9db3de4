#![deny(warnings)]

use stripeflare::prelude::*;

#[derive(StripeUser)]
pub struct User {
    tier: String,
}

#[get("/tier")]
async fn tier(account: Account<User>) -> String {
    account.tier.clone()
}

/// Goes with every application.
#[get("/balance")]
async fn balance(account: Account) -> String {
    account.balance().to_string()
}

#[get("/id")]
#[priced(cents = 1)]
async fn id(account: Account<()>) -> String {
    account.id().to_string()
}

fn main() {
    let _: App<User> = App::new().routes(routes![tier, balance, id]);
    let _: App = App::new().routes(routes![balance, id]);
}
