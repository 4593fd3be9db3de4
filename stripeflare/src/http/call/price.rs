use axum::response::{IntoResponse, Response};
use stripeflare_core::money::Cents;

/// What a route costs, as its attribute says.
#[derive(Clone, Copy, Debug)]
pub struct Price {
    pub(crate) amount: Cents,
    pub(crate) kind: Kind,
    pub(crate) hold_s: u32,
    pub(crate) route: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Always the amount.
    Exact,
    /// What the handler's `Priced` says, at most the amount.
    UpTo,
}

impl Price {
    /// `#[priced(cents = …)]`
    ///
    /// # Panics
    /// When the amount is not more than nothing; in a `const`, that is a compile error.
    #[must_use]
    pub const fn exact(amount: Cents) -> Self {
        Self::new(amount, Kind::Exact)
    }

    /// `#[priced(max_cents = …)]`
    ///
    /// # Panics
    /// As [`Price::exact`].
    #[must_use]
    pub const fn up_to(amount: Cents) -> Self {
        Self::new(amount, Kind::UpTo)
    }

    const fn new(amount: Cents, kind: Kind) -> Self {
        assert!(amount.is_positive(), "a price is more than zero; a route without `#[priced]` is free");
        Self { amount, kind, hold_s: 60, route: "" }
    }

    /// How long the handler may take.
    #[must_use]
    pub const fn hold_seconds(mut self, seconds: u32) -> Self {
        self.hold_s = seconds;
        self
    }

    /// What the ledger says the charge was for.
    #[must_use]
    pub const fn route(mut self, route: &'static str) -> Self {
        self.route = route;
        self
    }
}

/// A response and what it cost, for a route with `#[priced(max_cents = …)]`.
///
/// More than `max_cents` is charged as `max_cents`; zero is free.
///
/// ```
/// use stripeflare::{Cents, Priced};
///
/// let answer = Priced::new("three words long", Cents::new(2) * 3);
/// assert_eq!(answer.price(), Cents::new(6));
/// assert_eq!(answer.into_inner(), "three words long");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Priced<T> {
    response: T,
    price: Cents,
}

impl<T> Priced<T> {
    /// `response`, at `price`.
    pub const fn new(response: T, price: Cents) -> Self {
        Self { response, price }
    }

    /// What it costs.
    #[must_use]
    pub const fn price(&self) -> Cents {
        self.price
    }

    /// The response alone.
    #[must_use]
    pub fn into_inner(self) -> T {
        self.response
    }
}

/// What a [`Priced`] leaves in its response's extensions.
#[derive(Clone, Copy)]
pub(crate) struct Said(pub(crate) Cents);

impl<T: IntoResponse> IntoResponse for Priced<T> {
    fn into_response(self) -> Response {
        let mut response = self.response.into_response();
        response.extensions_mut().insert(Said(self.price));
        response
    }
}

/// In a response's extensions: its price is settled.
#[derive(Clone, Copy)]
pub(crate) struct Settlement;
