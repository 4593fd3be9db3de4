//! What an account's calls came to, by day and route, for the aggregate's totals.

use serde::{Deserialize, Serialize};

use crate::clock::{DAY_MS, Millis};
use crate::error::WalletError;
use crate::money::{Cents, units};

/// Calls of one route on one day, in all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Days since 1970, UTC.
    pub day: i64,
    pub route: String,
    pub calls: u64,
    #[serde(with = "units")]
    pub amount: Cents,
}

/// What an account tells of one day by name at most: its row holds all of them, and is written with each call.
pub(crate) const MOST: usize = 64;
/// The rest of them, together.
pub(crate) const OTHERS: &str = "others";

/// Counts a charge into the totals of its day.
pub(crate) fn count(usage: &mut Vec<Usage>, now: Millis, route: &str, amount: Cents) -> Result<(), WalletError> {
    let day = now.div_euclid(DAY_MS);
    let of_day = || usage.iter().filter(|known| known.day == day);
    let named = of_day().any(|known| known.route == route) || of_day().count() < MOST;
    let route = if named { route } else { OTHERS };
    if let Some(known) = usage.iter_mut().find(|known| known.day == day && known.route == route) {
        known.calls += 1;
        known.amount = known.amount.checked_add(amount).ok_or(WalletError::Overflow)?;
    } else {
        usage.push(Usage { day, route: route.to_owned(), calls: 1, amount });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_with_ever_new_labels_tells_of_a_day_in_so_many_rows_and_loses_no_call() {
        let mut usage = Vec::new();
        for call in 0..1_000_i64 {
            count(&mut usage, call % 2 * DAY_MS, &format!("label {call}"), Cents::new(call)).unwrap();
            count(&mut usage, call % 2 * DAY_MS, "GET /", Cents::new(1)).unwrap();
        }
        assert_eq!(usage.len(), 2 * (MOST + 1));
        assert_eq!(usage.iter().map(|usage| usage.calls).sum::<u64>(), 2_000);
        assert_eq!(usage.iter().map(|usage| usage.amount).sum::<Cents>(), Cents::new(499_500 + 1_000));
        let calls =
            |route: &str| usage.iter().filter(|usage| usage.route == route).map(|usage| usage.calls).sum::<u64>();
        assert_eq!((calls("GET /"), calls(OTHERS)), (1_000, 1_000 - 2 * (MOST as u64 - 1)));
    }
}
