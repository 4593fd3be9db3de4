//! The quickstart with no features of stripeflare, and so without the sweep.

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

/// What `/complete` takes.
#[derive(Deserialize)]
struct Prompt {
    prompt: String,
}

/// What `/complete` gives.
#[derive(Serialize)]
struct Completion {
    text: String,
    words: usize,
}

/// Greets whoever is calling. Free.
#[get("/")]
async fn hello(account: Account<User>) -> String {
    format!("Hello {}, you are on {}.\n", account.name().unwrap_or("Anonymous"), account.tier)
}

/// Reverses a text. One cent.
#[post("/reverse")]
#[priced(cents = 1)]
async fn reverse(Json(input): Json<Text>) -> Json<Text> {
    Json(Text { text: input.text.chars().rev().collect() })
}

/// Costs what it used, a quarter of a cent a word, never more than half a dollar.
#[post("/complete")]
#[priced(max_cents = 50)]
async fn complete(Json(Prompt { prompt }): Json<Prompt>) -> Result<Priced<Json<Completion>>> {
    if prompt.trim().is_empty() {
        return Err(Error::new(StatusCode::UNPROCESSABLE_ENTITY, "The prompt is empty."));
    }
    const PER_WORD: Cents = Cents::from_units(2_500);
    let words = prompt.split_whitespace().count();
    let text = format!("You said {words} words: {}", prompt.to_uppercase());
    Ok(Priced::new(Json(Completion { text, words }), PER_WORD * words))
}

#[stripeflare::main]
fn app() -> App<User> {
    App::new().routes(routes![hello, reverse, complete])
}
