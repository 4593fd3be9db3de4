use stripeflare::prelude::*;

struct User {
    tier: String,
}

#[get("/tier")]
async fn tier(account: Account<User>) -> String {
    account.tier.clone()
}

fn app() -> App<User> {
    App::new().routes(routes![tier])
}

fn main() {
    app();
}
