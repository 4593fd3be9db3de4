//! What a handler charged beside its price: no answer says less than that.

use std::cell::{Cell, RefCell};

use stripeflare_core::money::Cents;

#[derive(Default)]
pub(crate) struct Inside {
    charges: Cell<u32>,
    charged: Cell<Cents>,
    last: RefCell<Option<ChargedInside>>,
    /// One of them may have been made, or not.
    unknown: Cell<bool>,
}

/// A charge that was made.
#[derive(Clone)]
pub(crate) struct ChargedInside {
    /// After it.
    pub(crate) available: Cents,
    pub(crate) entry: String,
}

impl Inside {
    /// Counts the charges of this call.
    pub(crate) fn next(&self) -> u32 {
        self.charges.replace(self.charges.get() + 1)
    }

    pub(crate) fn add(&self, amount: Cents, charged: ChargedInside) {
        self.charged.set(self.charged.get() + amount);
        *self.last.borrow_mut() = Some(charged);
    }

    pub(crate) fn lose_track(&self) {
        self.unknown.set(true);
    }

    pub(crate) fn last(&self) -> Option<ChargedInside> {
        self.last.borrow().clone()
    }

    /// The price of the whole call, if it is known.
    pub(crate) fn with(&self, price: Cents) -> Option<Cents> {
        (!self.unknown.get()).then(|| self.charged.get() + price)
    }

    /// For messages that would say so.
    pub(crate) fn nothing_was_charged(&self) -> &'static str {
        if self.with(Cents::ZERO) == Some(Cents::ZERO) { " Nothing was charged." } else { "" }
    }
}
