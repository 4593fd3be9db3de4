use serde::{Deserialize, Serialize};

use super::{Millis, Sql, SqlError};

/// Money that came towards us and was credited to nobody: kept where the operator sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Unclaimed {
    /// Hash of the Checkout Session's id.
    pub(crate) key: String,
    /// Why it was not credited.
    pub(crate) reason: String,
    /// In the currency's smallest unit, as Stripe sent it.
    pub(crate) amount: i64,
    pub(crate) currency: String,
    /// As the payer sent it.
    pub(crate) client_reference_id: Option<String>,
    pub(crate) payment_intent: Option<String>,
    pub(crate) payment_link: Option<String>,
}

/// Records it, once per key.
pub(crate) fn record_unclaimed(sql: &dyn Sql, unclaimed: &Unclaimed, now: Millis) -> Result<(), SqlError> {
    sql.run(
        "INSERT INTO unclaimed (key, at, reason, amount, currency, client_reference_id, payment_intent, payment_link)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO NOTHING",
        &[
            unclaimed.key.as_str().into(),
            now.into(),
            unclaimed.reason.as_str().into(),
            unclaimed.amount.into(),
            unclaimed.currency.as_str().into(),
            unclaimed.client_reference_id.clone().into(),
            unclaimed.payment_intent.clone().into(),
            unclaimed.payment_link.clone().into(),
        ],
    )?;
    Ok(())
}
