//! A paid API that shortens texts.

use serde::{Deserialize, Serialize};
use stripeflare::prelude::*;

/// What we keep of each customer, beside the balance.
#[derive(StripeUser)]
pub struct User {
    #[column(default = 0, public)] // `public`: GET /me shows it
    shortened: i64,
}

#[derive(Serialize, Deserialize)]
struct Text {
    text: String,
}

/// Keeps the first three words of a text. Half a cent.
#[post("/shorten")]
#[priced(cents = 0.5, label = "Shorten")]
async fn shorten(mut account: Account<User>, Json(input): Json<Text>) -> Result<Json<Text>> {
    let words: Vec<&str> = input.text.split_whitespace().take(3).collect();
    if words.is_empty() {
        return Err(Error::new(StatusCode::UNPROCESSABLE_ENTITY, "There is nothing to shorten."));
    }
    account.update(|user| user.shortened += 1).await?;
    Ok(Json(Text { text: words.join(" ") }))
}

#[stripeflare::main]
fn app() -> App<User> {
    App::new().routes(routes![shorten])
}

#[cfg(test)]
mod tests {
    use stripeflare::testing::TestApp;

    use super::*;

    #[test]
    fn three_words_cost_half_a_cent_and_no_words_nothing() {
        let app = TestApp::new(app());
        let customer = app.account().with_balance(cents!(1));
        let shorten = |text: &str| app.post("/shorten").by(&customer).json(&Text { text: text.into() }).send();

        let short = shorten("one two three four");
        assert_eq!(short.json::<Text>().text, "one two three");
        assert_eq!(short.charged(), cents!(0.5));
        assert_eq!(customer.columns::<User>().shortened, 1);

        let nothing = shorten(" ");
        assert_eq!(nothing.status(), StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(nothing.charged(), cents!(0));
    }
}
