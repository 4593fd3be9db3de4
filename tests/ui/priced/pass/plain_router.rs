//! A priced function without a route attribute, in any axum router.

use stripeflare::axum::{Router, routing};
use stripeflare::prelude::*;

/// Costs one cent.
#[priced(cents = 1)]
pub async fn reverse(Path(id): Path<u32>, #[allow(unused_mut)] mut text: String) -> Result<String> {
    Ok(format!("{id}{text}"))
}

#[priced(max_cents = 2)]
async fn nothing() -> impl IntoResponse {
    Priced::new((), Cents::new(1))
}

#[derive(Clone)]
struct State;

fn main() {
    let _: Router<State> = Router::new()
        .route("/{id}", routing::post(reverse))
        .route("/", routing::any(nothing));
    let _ = App::<()>::new().merge(Router::new().route("/{id}", routing::post(reverse)));
}
