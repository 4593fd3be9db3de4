//! What a handler charged beside its price: no answer says less than that.

use std::cell::Cell;

use axum::response::Response;
use stripeflare_core::money::Cents;

use crate::http::call::price::Settlement;
use crate::http::reply::answer::{X_PRICE, header};

#[derive(Default)]
pub(crate) struct Inside {
    charges: Cell<u32>,
    charged: Cell<Cents>,
    /// One of them may have been made, or not.
    unknown: Cell<bool>,
}

impl Inside {
    /// Counts the charges of this call.
    pub(crate) fn next(&self) -> u32 {
        self.charges.replace(self.charges.get() + 1)
    }

    pub(crate) fn add(&self, amount: Cents) {
        self.charged.set(self.charged.get() + amount);
    }

    pub(crate) fn lose_track(&self) {
        self.unknown.set(true);
    }

    /// The price of the whole call, if it is known.
    pub(crate) fn with(&self, price: Cents) -> Option<Cents> {
        (!self.unknown.get()).then(|| self.charged.get() + price)
    }

    /// For messages that would say so.
    pub(crate) fn nothing_was_charged(&self) -> &'static str {
        if self.with(Cents::ZERO) == Some(Cents::ZERO) { " Nothing was charged." } else { "" }
    }

    /// Corrects what an answer says that knows of its own price alone.
    pub(crate) fn tell(&self, response: &mut Response) {
        if response.extensions().get::<Settlement>().is_some() {
            return;
        }
        let headers = response.headers_mut();
        match self.with(Cents::ZERO) {
            None => drop(headers.remove(X_PRICE)),
            Some(charged) if charged.is_positive() => drop(headers.insert(X_PRICE, header(charged))),
            Some(_) => {}
        }
    }
}
