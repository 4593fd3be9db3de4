//! What the tests of an application call: the function itself, and, by mistake, the charged handler.

use futures_util::FutureExt;
use stripeflare::axum::extract::Request;
use stripeflare::prelude::*;

#[post("/reverse")]
#[priced(cents = 1)]
async fn reverse(text: String) -> String {
    text.chars().rev().collect()
}

#[priced(max_cents = 2)]
async fn words(meter: Meter) -> Result<String> {
    let left = meter.add(Cents::new(1))?;
    Ok(left.to_string())
}

fn main() {
    let reversed = reverse::uncharged("text".to_owned()).now_or_never();
    assert_eq!(reversed.as_deref(), Some("txet"));
    let left = words::uncharged(Meter::new(Cents::new(2))).now_or_never();
    assert_eq!(left.and_then(Result::ok).as_deref(), Some("1"));

    // There is nobody to charge.
    for handler in [reverse, words] {
        let answered = handler(Request::default()).now_or_never();
        assert_eq!(answered.map(|response| response.status()), Some(StatusCode::INTERNAL_SERVER_ERROR));
    }
}
