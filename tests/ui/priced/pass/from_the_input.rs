#![deny(warnings, clippy::all)]

use stripeflare::prelude::*;

const LETTER: Cents = cents!(0.01);

mod prices {
    use stripeflare::prelude::*;

    pub(crate) fn of_text(_: &Path<String>, text: &str) -> Cents {
        super::LETTER * text.len()
    }

    pub(crate) async fn of_account(account: &Account<()>, _: &str) -> Result<Cents> {
        if account.is_registered() { Ok(super::LETTER) } else { Err(Error::new(StatusCode::FORBIDDEN, "members only")) }
    }
}

#[post("/translate/{language}")]
#[priced(with = prices::of_text, label = "Translate", hold_s = 5)]
async fn translate(Path(language): Path<String>, text: String) -> String {
    language + &text
}

#[post("/closure")]
#[priced(with = |text: &String| LETTER * text.len())]
async fn closure(text: String) -> String {
    text
}

#[post("/asynchronous")]
#[priced(with = async |_: &Account<()>, text: &String| LETTER * text.len())]
async fn asynchronous(_: Account<()>, text: String) -> String {
    text
}

#[priced(with = prices::of_account)]
async fn without_route(_: Account<()>, text: String) -> impl IntoResponse {
    text
}

#[priced(with = || cents!(1))]
async fn without_arguments() {}

#[get("/range")]
#[priced(max_cents = 10, min_cents = 0.5)]
async fn range(meter: Meter) -> Result<String> {
    Ok(meter.add_per_million(cents!(15), 1_000)?.to_string())
}

#[stripeflare::main]
fn app() -> App {
    let router = stripeflare::axum::Router::new().route("/hand", stripeflare::axum::routing::post(without_route));
    let router = router.route("/none", stripeflare::axum::routing::get(without_arguments));
    App::new().routes(routes![translate, closure, asynchronous, range]).merge(router)
}

fn main() {}
