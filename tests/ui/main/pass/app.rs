//! The entry point under an odd name, in a module, with a private user.

mod worker {
    use stripeflare::prelude::*;

    #[derive(StripeUser)]
    struct User {
        #[column(default = "free")]
        tier: String,
    }

    #[get("/")]
    async fn hello(account: Account<User>) -> String {
        format!("{} {}", account.tier, account.balance())
    }

    #[stripeflare::main(version = "2026.1_b")]
    fn __app() -> App<User> {
        App::new().routes(routes![hello])
    }
}

fn main() {}
