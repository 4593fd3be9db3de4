//! Which account a payment was credited to, and the reversals that waited for that.

use super::parked::{park, unpark};
use crate::account::Reversal;
use crate::clock::Millis;
use crate::identity::AccountId;
use crate::sql::{Reader, Sql, SqlError};

/// Remembers where a payment goes. Answers the account it went to first, whatever is asked now, and takes out the reversals
/// that waited for it.
pub fn place(sql: &dyn Sql, payment_intent: &str, account: &AccountId) -> Result<(AccountId, Vec<Reversal>), SqlError> {
    let insert = "INSERT INTO places (payment_intent, account) VALUES (?, ?) ON CONFLICT DO NOTHING";
    sql.run(insert, &[payment_intent.into(), account.as_str().into()])?;
    let first = find(sql, payment_intent)?.ok_or_else(|| SqlError("a place that was just there".into()))?;
    Ok((first, unpark(sql, payment_intent)?))
}

fn read_account(account: &str) -> Result<AccountId, SqlError> {
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

/// Where a payment went; a reversal of one that nobody knows yet is kept until somebody does.
pub fn find_or_park(
    sql: &dyn Sql,
    payment_intent: &str,
    reversal: &Reversal,
    now: Millis,
) -> Result<Option<AccountId>, SqlError> {
    if let Some(account) = find(sql, payment_intent)? {
        return Ok(Some(account));
    }
    park(sql, payment_intent, reversal, now)?;
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::Kind;
    use crate::directory::parked::{PARKED_MS, waiting};
    use crate::money::Cents;
    use crate::schema::{Schema, migrate};
    use crate::tables::Role;
    use crate::testing::database;

    fn refund(id: &str) -> Reversal {
        let amount = Cents::new(5);
        let (kind, id) = (Kind::Refund, id.into());
        Reversal { kind, id, amount, taken: amount, closed: false, moves: 0, at: 1, disowned: false }
    }

    #[test]
    fn a_reversal_waits_thirty_days_for_its_payment() {
        let sql = database();
        migrate(&sql, Role::Directory, &Schema::of::<()>()).unwrap();
        let account = AccountId::from_hash(&[7; 32]);
        for _ in 0..2 {
            assert_eq!(find_or_park(&sql, "pi_1", &refund("re_1"), 0).unwrap(), None);
        }
        assert_eq!(find_or_park(&sql, "pi_1", &refund("re_2"), PARKED_MS).unwrap(), None);
        assert_eq!(waiting(&sql, "pi_1").unwrap(), [refund("re_1"), refund("re_2")]);
        assert_eq!(place(&sql, "pi_1", &account).unwrap(), (account.clone(), vec![refund("re_1"), refund("re_2")]));
        assert_eq!((place(&sql, "pi_1", &account).unwrap().1, waiting(&sql, "pi_1").unwrap()), (vec![], vec![]));
        let other = AccountId::from_hash(&[8; 32]);
        assert_eq!(place(&sql, "pi_1", &other).unwrap(), (account.clone(), vec![]), "a payment goes to one account");
        assert_eq!(find_or_park(&sql, "pi_1", &refund("re_3"), 0).unwrap(), Some(account.clone()));

        find_or_park(&sql, "pi_2", &refund("re_4"), 0).unwrap();
        find_or_park(&sql, "pi_3", &refund("re_5"), PARKED_MS + 1).unwrap();
        assert_eq!(place(&sql, "pi_2", &account).unwrap().1, [], "its time was over");
    }
}
