use std::cell::{Cell, OnceCell, RefCell};

use stripeflare_core::account::AccountRow;
use stripeflare_core::money::Cents;

use crate::http::call::meter::Meter;

type Fill = Box<dyn FnOnce(&AccountRow) -> Result<(), String>>;

/// In a priced route the account comes with the reserve, after the extractors ran: they leave here what to fill.
#[derive(Default)]
pub(crate) struct Slot {
    priced: Cell<bool>,
    waiting: RefCell<Vec<Fill>>,
    /// The most the call may cost, if the handler says how much it was.
    maximum: Cell<Option<Cents>>,
    meter: OnceCell<Meter>,
}

impl Slot {
    pub(crate) fn open(&self, maximum: Option<Cents>) {
        self.priced.set(true);
        self.maximum.set(maximum);
    }

    /// The call's meter, made when first asked for; `None` where there is no maximum.
    pub(crate) fn meter(&self) -> Option<Meter> {
        let maximum = self.maximum.get()?;
        Some(self.meter.get_or_init(|| Meter::new(maximum)).clone())
    }

    /// The call's meter, if an extractor asked for it.
    pub(crate) fn meter_in_use(&self) -> Option<&Meter> {
        self.meter.get()
    }

    pub(crate) fn is_open(&self) -> bool {
        self.priced.get()
    }

    pub(crate) fn is_wanted(&self) -> bool {
        !self.waiting.borrow().is_empty()
    }

    pub(crate) fn wait(&self, fill: Fill) {
        self.waiting.borrow_mut().push(fill);
    }

    pub(crate) fn fill(&self, account: &AccountRow) -> Result<(), String> {
        self.priced.set(false);
        self.waiting.take().into_iter().try_for_each(|fill| fill(account))
    }
}
