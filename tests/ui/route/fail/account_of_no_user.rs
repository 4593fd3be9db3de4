use stripeflare::prelude::*;

struct User;

#[get("/")]
async fn hello(_: Account<User>) {}

fn main() {}
