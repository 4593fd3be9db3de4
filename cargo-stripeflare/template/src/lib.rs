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
        text: reversed(&input.text),
    })
}

fn reversed(text: &str) -> String {
    text.chars().rev().collect()
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

    #[test]
    fn reverses_characters_and_not_bytes() {
        assert_eq!(reversed("añb"), "bña");
    }
}
