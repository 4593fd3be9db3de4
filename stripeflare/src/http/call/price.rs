use std::future::Future;
use std::marker::PhantomData;

use axum::response::{IntoResponse, Response};
use stripeflare_core::money::Cents;

/// What a route costs, as its attribute says.
#[derive(Clone, Copy, Debug)]
pub struct Price {
    pub(crate) kind: Kind,
    pub(crate) hold_s: u32,
    /// What the statement says of it, if not the route.
    pub(crate) label: Option<&'static str>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// Always that.
    Exact(Cents),
    /// What the handler's `Priced` or `Meter` says, at most that much. Where less is there, from `least` on.
    UpTo { most: Cents, least: Cents },
    /// What a function of the handler's arguments says.
    Asked,
}

impl Price {
    /// `#[priced(cents = …)]`
    ///
    /// # Panics
    /// When the amount is not more than nothing; in a `const`, that is a compile error.
    #[must_use]
    pub const fn exact(amount: Cents) -> Self {
        Self::new(Kind::Exact(more_than_nothing(amount)))
    }

    /// `#[priced(max_cents = …)]`
    ///
    /// # Panics
    /// As [`Price::exact`].
    #[must_use]
    pub const fn up_to(amount: Cents) -> Self {
        Self::new(Kind::UpTo { most: more_than_nothing(amount), least: amount })
    }

    /// `#[priced(with = …)]`
    #[must_use]
    pub const fn asked() -> Self {
        Self::new(Kind::Asked)
    }

    const fn new(kind: Kind) -> Self {
        Self { kind, hold_s: 60, label: None }
    }

    /// `min_cents`
    ///
    /// # Panics
    /// As [`Price::exact`], or when it is more than the maximum.
    #[must_use]
    pub const fn least(mut self, amount: Cents) -> Self {
        if let Kind::UpTo { most, least } = &mut self.kind {
            *least = more_than_nothing(amount);
            assert!(least.units() <= most.units(), "`min_cents` is at most `max_cents`");
        }
        self
    }

    /// How long the handler may take.
    #[must_use]
    pub const fn hold_seconds(mut self, seconds: u32) -> Self {
        self.hold_s = seconds;
        self
    }

    /// What the statement says the charge was for.
    #[must_use]
    pub const fn label(mut self, label: &'static str) -> Self {
        self.label = Some(label);
        self
    }
}

const fn more_than_nothing(amount: Cents) -> Cents {
    assert!(amount.is_positive(), "a price is more than zero; a route without `#[priced]` is free");
    amount
}

/// What the function of `#[priced(with = …)]` answers: [`Cents`], a `Result` of them, or a future of either.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no price",
    label = "answers `{Self}`",
    note = "the function of `with` answers `Cents` or `Result<Cents>`; it may be `async`"
)]
pub trait Asked<Via> {
    /// The price, or the answer instead of the handler's.
    fn price(self) -> impl Future<Output = Result<Cents, Response>>;
}

/// At once.
#[derive(Debug)]
pub struct Now;

/// By a future.
#[derive(Debug)]
pub struct Later<Via>(PhantomData<Via>);

impl Asked<Now> for Cents {
    async fn price(self) -> Result<Cents, Response> {
        Ok(self)
    }
}

impl<E: IntoResponse> Asked<Now> for Result<Cents, E> {
    async fn price(self) -> Result<Cents, Response> {
        self.map_err(IntoResponse::into_response)
    }
}

impl<Via, F: Future<Output: Asked<Via>>> Asked<Later<Via>> for F {
    async fn price(self) -> Result<Cents, Response> {
        self.await.price().await
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
