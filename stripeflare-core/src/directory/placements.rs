//! Which account a payment was credited to.

use super::parked::parked;
use crate::account::Reversal;
use crate::identity::AccountId;
use crate::sql::{Reader, Sql, SqlError};

/// Remembers where a payment goes. Answers the account it went to first, whatever is asked now, and the reversals that
/// waited for it.
pub fn place(sql: &dyn Sql, payment_intent: &str, account: &AccountId) -> Result<(AccountId, Vec<Reversal>), SqlError> {
    let insert = "INSERT INTO places (payment_intent, account) VALUES (?, ?) ON CONFLICT DO NOTHING";
    sql.run(insert, &[payment_intent.into(), account.as_str().into()])?;
    let first = find(sql, payment_intent)?.ok_or_else(|| SqlError("a place that was just there".into()))?;
    Ok((first, parked(sql, payment_intent)?))
}

pub(super) fn read_account(account: &str) -> Result<AccountId, SqlError> {
    account.parse().map_err(|error| SqlError(format!("places.account: {error}")))
}

/// Where a payment went.
pub fn find(sql: &dyn Sql, payment_intent: &str) -> Result<Option<AccountId>, SqlError> {
    let select = "SELECT account FROM places WHERE payment_intent = ?";
    match sql.run(select, &[payment_intent.into()])?.pop() {
        Some(row) => read_account(&Reader::new(row).text()?).map(Some),
        None => Ok(None),
    }
}
