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

/// Counts a charge into the totals of its day.
pub(crate) fn count(usage: &mut Vec<Usage>, now: Millis, route: &str, amount: Cents) -> Result<(), WalletError> {
    let day = now.div_euclid(DAY_MS);
    if let Some(known) = usage.iter_mut().find(|known| known.day == day && known.route == route) {
        known.calls += 1;
        known.amount = known.amount.checked_add(amount).ok_or(WalletError::Overflow)?;
    } else {
        usage.push(Usage { day, route: route.to_owned(), calls: 1, amount });
    }
    Ok(())
}
