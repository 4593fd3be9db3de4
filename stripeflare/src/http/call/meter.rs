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
    maximum: Cents,
    units: AtomicI64,
    closed: AtomicBool,
}

/// Why a [`Meter`] added nothing. Answered by a stream, it breaks the stream off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MeterError {
    /// With it, the call would have cost more than `max_cents`.
    Maximum,
    /// The call is over: its stream has ended, or its money could not be held any longer.
    Closed,
    /// An amount below zero.
    Negative,
}

impl fmt::Display for MeterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Maximum => "the call has cost as much as it may",
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
        Self(Arc::new(State { maximum, units: AtomicI64::new(0), closed: AtomicBool::new(false) }))
    }

    /// Adds to what the call costs, and answers how much more it may cost.
    ///
    /// # Errors
    /// Then nothing was added. Add before you send what it is for: what does not fit is then not sent either.
    pub fn add(&self, amount: Cents) -> Result<Cents, MeterError> {
        if self.0.closed.load(Ordering::Relaxed) {
            return Err(MeterError::Closed);
        }
        if amount < Cents::ZERO {
            return Err(MeterError::Negative);
        }
        let used = self.used().checked_add(amount).filter(|used| *used <= self.0.maximum);
        // There is one thread: nobody else adds in between.
        self.0.units.store(used.ok_or(MeterError::Maximum)?.units(), Ordering::Relaxed);
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
        self.0.maximum - self.used()
    }

    /// What was added until now is what is charged.
    pub(crate) fn close(&self) -> Cents {
        self.0.closed.store(true, Ordering::Relaxed);
        self.used()
    }
}

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
    fn a_call_that_is_over_costs_no_more() {
        let meter = Meter::new(Cents::new(10));
        meter.add(Cents::new(1)).unwrap();
        assert_eq!(meter.close(), Cents::new(1));
        assert_eq!(meter.add(Cents::new(1)), Err(MeterError::Closed));
        assert_eq!(meter.used(), Cents::new(1));
    }
}
