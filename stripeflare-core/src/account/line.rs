//! What a line of the ledger is, and where it lies.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::account::tokens::TokenId;
use crate::clock::{DAY_MS, Millis};
use crate::money::{Cents, units};

/// Places in a millisecond.
pub(super) const PLACES: i64 = 1_024;
/// Places in a day.
pub(crate) const DAY_PLACES: i64 = DAY_MS * PLACES;
/// Begins the key of a charge without a hold.
pub(super) const CHARGE: &str = "charge:";

/// Begins the keys of charges that callers named by an `Idempotency-Key`: they hold for as long as one does.
pub const CALLERS_KEY: &str = "call:";

/// One entry, or what folded into one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    pub place: Place,
    pub key: String,
    pub at: Millis,
    pub kind: String,
    #[serde(with = "units")]
    pub amount: Cents,
    /// After it. What folded has none.
    pub balance: Option<Cents>,
    /// What it was for.
    pub detail: Option<String>,
    /// The token that it was charged to.
    pub token: Option<TokenId>,
    /// How many charges it is.
    pub calls: Option<i64>,
}

/// A line's place among all: what follows is older.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    pub(crate) place: i64,
    /// Among those of one place; of sums it is below zero.
    pub(crate) number: i64,
    /// Until where all was folded when the line was read.
    pub(crate) folded: i64,
}

/// What follows a place was folded since that was given out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Folded;

impl Place {
    pub(super) const NEWEST: Self = Self { place: (1 << 53) - 1, number: 0, folded: i64::MAX };

    /// Whether lines that the reader has seen are in sums by now, or lines that follow.
    pub(super) fn is_folded(&self, folded: i64) -> bool {
        let day = self.folded - self.folded.rem_euclid(DAY_PLACES);
        folded > self.folded && (day..folded).contains(&self.place)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.place, self.number, self.folded)
    }
}

/// The text is no place.
#[derive(Debug)]
pub struct ParsePlaceError;

impl FromStr for Place {
    type Err = ParsePlaceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut numbers = text.split('.').map(str::parse::<i64>);
        let mut next = || numbers.next().and_then(Result::ok).ok_or(ParsePlaceError);
        let place = Self { place: next()?, number: next()?, folded: next()? };
        let sound = (0..=Self::NEWEST.place).contains(&place.place) && place.folded >= 0;
        // Nothing behind it, and each number as we write it.
        if sound && place.to_string() == text { Ok(place) } else { Err(ParsePlaceError) }
    }
}

/// What the row remembers of its entries.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ledger {
    /// How many are there that will fold.
    pub(crate) lines: i64,
    /// The place of the last one.
    pub(crate) last: i64,
    /// Before this place all are folded that ever do.
    pub(crate) folded: i64,
}

/// The time and the rest of a key that is the id of a hold, or of a charge that nobody named.
pub(super) fn call_of(key: &str) -> Option<(Millis, &str)> {
    let id = key.strip_prefix(CHARGE).unwrap_or(key);
    let digits = id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let (time, rest) = id.split_at_checked(12).filter(|_| digits && id.len() == 32)?;
    Some((Millis::from_str_radix(time, 16).ok()?, rest))
}

pub(super) const fn place_of(moment: Millis) -> i64 {
    moment * PLACES
}

pub(crate) const fn moment_of(place: i64) -> Millis {
    place.div_euclid(PLACES)
}
