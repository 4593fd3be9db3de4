use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use stripeflare_core::money::Cents;

/// Counts what a call costs while its answer streams, in a route with `#[priced(max_cents = …)]`.
///
/// Take it as an argument, clone it into the stream that becomes the response's body, and add up as you go. When the
/// stream ends, breaks off with an error, or its client goes away, what was added until then is charged, once. With a
/// body that is no stream it is charged when the handler returns; a status of 400 or more costs nothing.
///
/// ```
/// use axum::body::Body;
/// use futures_util::{StreamExt, stream};
/// use stripeflare::{MeterError, prelude::*};
///
/// const WORD: Cents = Cents::from_units(2_500);
///
/// #[get("/words")]
/// #[priced(max_cents = 50)]
/// async fn words(meter: Meter) -> impl IntoResponse {
///     let words = stream::iter(["one ", "two ", "three "]).map(move |word| {
///         meter.add(WORD)?;
///         Ok::<_, MeterError>(word)
///     });
///     Body::from_stream(words)
/// }
/// ```
///
/// While the stream runs, its money stays set aside, however long that takes. A stream in which nothing moves for as
/// long as its hold lasts (`hold_s`), because the handler gives nothing or the client takes nothing, is broken off.
#[derive(Clone, Debug)]
pub struct Meter(Arc<State>);

#[derive(Debug)]
struct State {
    /// In units, as everything here.
    maximum: i64,
    /// The maximum, or less, because no more was there.
    held: AtomicI64,
    units: AtomicI64,
    /// Millionths of a unit that were added and are no whole one yet.
    rest: AtomicI64,
    ran_out: AtomicBool,
    closed: AtomicBool,
}

/// Why a [`Meter`] added nothing. Answered by a stream, it breaks the stream off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MeterError {
    /// With it, the call would have cost more than `max_cents`.
    Maximum,
    /// With it, the call would have cost more than the caller had when it began: between `min_cents` and `max_cents`.
    Balance,
    /// The call is over: its stream has ended, or its money could not be held any longer.
    Closed,
    /// An amount below zero.
    Negative,
}

impl fmt::Display for MeterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Maximum => "the call has cost as much as it may",
            Self::Balance => "the caller's money is used up",
            Self::Closed => "the call is over and charged",
            Self::Negative => "a meter was told an amount below zero",
        })
    }
}

impl std::error::Error for MeterError {}

impl Meter {
    /// A meter that belongs to no call, for tests of a handler.
    #[must_use]
    pub fn new(maximum: Cents) -> Self {
        Self(Arc::new(State {
            maximum: maximum.units(),
            held: AtomicI64::new(maximum.units()),
            units: AtomicI64::new(0),
            rest: AtomicI64::new(0),
            ran_out: AtomicBool::new(false),
            closed: AtomicBool::new(false),
        }))
    }

    /// The most that is there for it.
    pub(crate) fn hold(&self, amount: Cents) {
        self.0.held.store(amount.units(), Ordering::Relaxed);
    }

    /// Whether there was less money than the call may cost, and it needed more than there was.
    pub(crate) fn ran_out(&self) -> bool {
        self.0.ran_out.load(Ordering::Relaxed)
    }

    /// Adds to what the call costs, and answers how much more it may cost.
    ///
    /// # Errors
    /// Then nothing was added. Add before you send what it is for: what does not fit is then not sent either.
    pub fn add(&self, amount: Cents) -> Result<Cents, MeterError> {
        self.add_millionths(i128::from(amount.units()) * MILLION)
    }

    /// Adds so many pieces, such as tokens, at a price for a million of them. Fractions of the smallest amount are kept, and
    /// count as soon as they are a whole one.
    ///
    /// ```
    /// use stripeflare::{Meter, cents};
    ///
    /// let meter = Meter::new(cents!(1));
    /// for _ in 0..1_000 {
    ///     // 15 cents a million, one by one.
    ///     meter.add_per_million(cents!(15), 1)?;
    /// }
    /// assert_eq!(meter.used(), cents!(0.015));
    /// # Ok::<(), stripeflare::MeterError>(())
    /// ```
    ///
    /// # Errors
    /// As [`Meter::add`].
    pub fn add_per_million(&self, price: Cents, pieces: u64) -> Result<Cents, MeterError> {
        self.add_millionths(i128::from(price.units()) * i128::from(pieces))
    }

    fn add_millionths(&self, amount: i128) -> Result<Cents, MeterError> {
        // There is one thread: nobody else adds in between.
        let State { maximum, held, units, rest, ran_out, closed } = &*self.0;
        if closed.load(Ordering::Relaxed) {
            return Err(MeterError::Closed);
        }
        if amount < 0 {
            return Err(MeterError::Negative);
        }
        let used =
            i128::from(units.load(Ordering::Relaxed)) * MILLION + i128::from(rest.load(Ordering::Relaxed)) + amount;
        let whole = used / MILLION;
        if whole > i128::from(*maximum) {
            return Err(MeterError::Maximum);
        }
        if whole > i128::from(held.load(Ordering::Relaxed)) {
            ran_out.store(true, Ordering::Relaxed);
            return Err(MeterError::Balance);
        }
        units.store(whole as i64, Ordering::Relaxed);
        rest.store((used % MILLION) as i64, Ordering::Relaxed);
        Ok(self.left())
    }

    /// What the call has cost so far.
    #[must_use]
    pub fn used(&self) -> Cents {
        Cents::from_units(self.0.units.load(Ordering::Relaxed))
    }

    /// How much more it may cost.
    #[must_use]
    pub fn left(&self) -> Cents {
        Cents::from_units(self.0.held.load(Ordering::Relaxed)) - self.used()
    }

    /// What was added until now is what is charged.
    pub(crate) fn close(&self) -> Cents {
        self.0.closed.store(true, Ordering::Relaxed);
        self.used()
    }
}

const MILLION: i128 = 1_000_000;

/// What has a maximum for a [`Meter`] to count up to.
#[diagnostic::on_unimplemented(
    message = "a `Meter` needs a maximum",
    label = "this route has no `max_cents`",
    note = "write `#[priced(max_cents = …)]`, with the most that a call may cost"
)]
pub trait Maximum {}

/// A route without `max_cents`.
#[derive(Debug)]
pub struct NoMaximum;

/// An argument of a route without `max_cents`: of [`Meter`] alone, `check` wants what such a route has not.
#[derive(Debug)]
pub struct Unmetered<T>(PhantomData<T>);

/// Every other argument.
pub trait UnmeteredType {
    /// Says nothing.
    fn check<Route>() {}
}

impl<T> UnmeteredType for Unmetered<T> {}

impl Unmetered<Meter> {
    /// Does not compile.
    pub fn check<Route: Maximum>() {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_meter_holds_its_maximum_and_counts_nothing_that_does_not_fit() {
        let meter = Meter::new(Cents::new(10));
        assert_eq!(meter.add(Cents::new(7)), Ok(Cents::new(3)));
        assert_eq!(meter.clone().add(Cents::new(4)), Err(MeterError::Maximum));
        assert_eq!(meter.add(Cents::MAX), Err(MeterError::Maximum));
        assert_eq!(meter.add(Cents::new(-1)), Err(MeterError::Negative));
        assert_eq!(meter.add(Cents::new(3)), Ok(Cents::ZERO));
        assert_eq!((meter.used(), meter.left()), (Cents::new(10), Cents::ZERO));
    }

    #[test]
    fn a_meter_stops_at_what_is_there() {
        let meter = Meter::new(Cents::new(10));
        meter.hold(Cents::new(4));
        assert_eq!(meter.left(), Cents::new(4));
        assert_eq!((meter.add(Cents::new(11)), meter.ran_out()), (Err(MeterError::Maximum), false));
        assert_eq!((meter.add(Cents::new(5)), meter.ran_out()), (Err(MeterError::Balance), true));
        assert_eq!(meter.add(Cents::new(4)), Ok(Cents::ZERO));
    }

    #[test]
    fn fractions_add_up() {
        let meter = Meter::new(Cents::new(1));
        for _ in 0..999_999 {
            meter.add_per_million(Cents::from_units(1), 1).unwrap();
        }
        assert_eq!(meter.used(), Cents::ZERO);
        meter.add_per_million(Cents::from_units(1), 1).unwrap();
        assert_eq!(meter.used(), Cents::from_units(1));
        assert_eq!(meter.add_per_million(Cents::MAX, u64::MAX), Err(MeterError::Maximum));
        assert_eq!(meter.add_per_million(Cents::from_units(-1), 1), Err(MeterError::Negative));
    }

    #[test]
    fn a_call_that_is_over_costs_no_more() {
        let meter = Meter::new(Cents::new(10));
        meter.add(Cents::new(1)).unwrap();
        assert_eq!(meter.close(), Cents::new(1));
        assert_eq!(meter.add(Cents::new(1)), Err(MeterError::Closed));
        assert_eq!(meter.used(), Cents::new(1));
    }
}
