//! Reversals that came before their payment.

use super::placements::{find, read_account};
use crate::account::Reversal;
use crate::clock::Millis;
use crate::identity::AccountId;
use crate::sql::{Reader, Sql, SqlError};

/// How long a reversal waits for its payment: 30 days. Most of those that wait belong to other products' payments.
const PARKED_MS: Millis = 30 * 24 * 60 * 60 * 1_000;

fn read_fact(fact: &str) -> Result<Reversal, SqlError> {
    serde_json::from_str(fact).map_err(|error| SqlError(format!("parked.fact: {error}")))
}

/// A reversal that waits although its payment has its place.
pub struct LeftBehind {
    pub payment_intent: String,
    pub account: AccountId,
    pub reversal: Reversal,
    /// As it is stored.
    fact: String,
}

/// Those of this shard: whoever placed their payments did not come to an end.
pub fn left_behind(sql: &dyn Sql, most: i64) -> Result<Vec<LeftBehind>, SqlError> {
    let select =
        "SELECT payment_intent, account, fact FROM parked JOIN places USING (payment_intent) ORDER BY at LIMIT ?";
    let read = |row| {
        let mut row = Reader::new(row);
        let (payment_intent, account, fact) = (row.text()?, read_account(&row.text()?)?, row.text()?);
        Ok(LeftBehind { payment_intent, account, reversal: read_fact(&fact)?, fact })
    };
    sql.run(select, &[most.into()])?.into_iter().map(read).collect()
}

/// What waits for a payment.
pub fn parked(sql: &dyn Sql, payment_intent: &str) -> Result<Vec<Reversal>, SqlError> {
    let rows = sql.run("SELECT fact FROM parked WHERE payment_intent = ? ORDER BY at", &[payment_intent.into()])?;
    rows.into_iter().map(|row| read_fact(&Reader::new(row).text()?)).collect()
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

/// Keeps a reversal until its payment is credited, also one that has its place already: whoever placed it may not have come to
/// its credit.
pub fn park(sql: &dyn Sql, payment_intent: &str, reversal: &Reversal, now: Millis) -> Result<(), SqlError> {
    sql.run("DELETE FROM parked WHERE at < ?", &[(now - PARKED_MS).into()])?;
    let insert = "INSERT INTO parked (payment_intent, at, fact) VALUES (?, ?, ?) ON CONFLICT DO NOTHING";
    sql.run(insert, &[payment_intent.into(), now.into(), fact(reversal).into()])?;
    Ok(())
}

fn fact(reversal: &Reversal) -> String {
    serde_json::to_string(reversal).expect("a reversal is plain JSON")
}

/// Forgets one reversal of a payment: its account has it.
pub fn arrived(sql: &dyn Sql, left: &LeftBehind) -> Result<(), SqlError> {
    forget(sql, &left.payment_intent, left.fact.clone())
}

/// Forgets these reversals of a payment: its account has them. Others may have come since they were read.
pub fn unpark(sql: &dyn Sql, payment_intent: &str, reversals: &[Reversal]) -> Result<(), SqlError> {
    reversals.iter().try_for_each(|reversal| forget(sql, payment_intent, fact(reversal)))
}

fn forget(sql: &dyn Sql, payment_intent: &str, fact: String) -> Result<(), SqlError> {
    sql.run("DELETE FROM parked WHERE payment_intent = ? AND fact = ?", &[payment_intent.into(), fact.into()])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::Kind;
    use crate::directory::place;
    use crate::identity::AccountId;
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
        for _ in 0..2 {
            assert_eq!(
                place(&sql, "pi_1", &account).unwrap(),
                (account.clone(), vec![refund("re_1"), refund("re_2")]),
                "until it is told that they arrived"
            );
        }
        let left = left_behind(&sql, 1).unwrap();
        assert_eq!((&left[0].account, &left[0].reversal), (&account, &refund("re_1")));
        arrived(&sql, &left[0]).unwrap();
        let left = left_behind(&sql, 5).unwrap();
        assert_eq!((left.len(), &left[0].reversal), (1, &refund("re_2")));
        park(&sql, "pi_1", &refund("re_0"), PARKED_MS).unwrap();
        unpark(&sql, "pi_1", &[refund("re_2")]).unwrap();
        let left = left_behind(&sql, 5).unwrap();
        assert_eq!((left.len(), &left[0].reversal), (1, &refund("re_0")), "what came meanwhile waits on");
        unpark(&sql, "pi_1", &[refund("re_0")]).unwrap();
        assert_eq!(left_behind(&sql, 5).unwrap().len(), 0);
        let other = AccountId::from_hash(&[8; 32]);
        assert_eq!(place(&sql, "pi_1", &other).unwrap(), (account.clone(), vec![]), "a payment goes to one account");
        assert_eq!(find_or_park(&sql, "pi_1", &refund("re_3"), 0).unwrap(), Some(account.clone()));

        find_or_park(&sql, "pi_2", &refund("re_4"), 0).unwrap();
        find_or_park(&sql, "pi_3", &refund("re_5"), PARKED_MS + 1).unwrap();
        assert_eq!(place(&sql, "pi_2", &account).unwrap().1, [], "its time was over");
    }
}
