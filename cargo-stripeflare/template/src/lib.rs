//! A small paid API. `cargo stripeflare dev` runs it.

use serde::{Deserialize, Serialize};
use stripeflare::prelude::*;

/// Your columns. The wallet's own (balance, name, email, …) are always there.
#[derive(StripeUser)]
pub struct User {
    #[column(default = "free", index)]
    tier: String,
}

/// What `/reverse` takes and gives.
#[derive(Serialize, Deserialize)]
struct Text {
    text: String,
}

/// Greets whoever is calling. Free.
#[get("/hello")]
async fn hello(account: Account<User>) -> String {
    format!(
        "Hello {}, you are on {}.\n",
        account.name().unwrap_or("Anonymous"),
        account.tier
    )
}

/// Reverses a text. One cent.
#[post("/reverse")]
#[priced(cents = 1)]
async fn reverse(Json(input): Json<Text>) -> Json<Text> {
    Json(Text {
        text: input.text.chars().rev().collect(),
    })
}

#[stripeflare::main]
fn app() -> App<User> {
    App::new()
        .routes(routes![hello, reverse])
        // Every hour, as wrangler.toml says: credits payments whose webhooks were lost.
        .scheduled(|_event, env| async move { stripeflare::reconcile(&env).await.map(drop) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use stripeflare::testing::TestApp;

    #[test]
    fn a_reversed_text_costs_a_cent() {
        let app = TestApp::new(app());
        let customer = app.account().with_balance(cents!(1));
        let reverse = || {
            let text = Text {
                text: "añb".into()
            };
            app.post("/reverse").by(&customer).json(&text).send()
        };

        let first = reverse();
        assert_eq!(first.json::<Text>().text, "bña");
        assert_eq!(first.charged(), cents!(1));

        let second = reverse();
        assert_eq!(second.status(), StatusCode::PAYMENT_REQUIRED);
    }
}
