//! In the aggregate: money that came towards us and was credited to nobody, kept where the operator sees it.

use serde::{Deserialize, Serialize};

use crate::account::Credit;
use crate::clock::Millis;
use crate::identity::AccountId;
use crate::money::{Cents, units};
use crate::sql::{Reader, Row, Sql, SqlError};

/// One payment that nobody was credited for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Unclaimed {
    /// Hash of the Checkout Session's id.
    pub key: String,
    /// Why it was not credited.
    pub reason: String,
    /// In the currency's smallest unit, as Stripe sent it.
    pub amount: i64,
    pub currency: String,
    /// As the payer sent it.
    pub client_reference_id: Option<String>,
    pub payment_intent: Option<String>,
    pub payment_link: Option<String>,
}

/// What the operator wants done with one of them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Assignment {
    pub key: String,
    pub account: AccountId,
    /// What to credit; without it, what was paid, if that was in `currency`.
    #[serde(with = "optional_units")]
    pub amount: Option<Cents>,
    /// Of the deployment.
    pub currency: String,
}

mod optional_units {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::aggregate::unclaimed::{Cents, units};

    #[derive(Serialize, Deserialize)]
    struct Wrapped(#[serde(with = "units")] Cents);

    pub(crate) fn serialize<S: Serializer>(amount: &Option<Cents>, serializer: S) -> Result<S::Ok, S::Error> {
        amount.map(Wrapped).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Cents>, D::Error> {
        Ok(Option::<Wrapped>::deserialize(deserializer)?.map(|wrapped| wrapped.0))
    }
}

/// Records it, once per key, unless somebody was credited for it.
pub fn record_unclaimed(sql: &dyn Sql, unclaimed: &Unclaimed, now: Millis) -> Result<(), SqlError> {
    sql.run(
        "INSERT INTO unclaimed (key, at, reason, amount, currency, client_reference_id, payment_intent, payment_link)
         SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8 WHERE NOT EXISTS (SELECT 1 FROM all_payments WHERE key = ?1)
         ON CONFLICT (key) DO NOTHING",
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

/// Decides once whose it is, and answers the credit that follows from it; the same wish again is the same answer.
///
/// `Err` says to the operator why not.
pub fn assign(sql: &dyn Sql, wish: &Assignment, now: Millis) -> Result<Result<Credit, String>, SqlError> {
    let select = "SELECT amount, currency, payment_intent, assigned_to, assigned_amount FROM unclaimed WHERE key = ?";
    let Some(row) = sql.run(select, &[wish.key.as_str().into()])?.pop() else {
        return Ok(Err("Nothing unclaimed has this key.".to_owned()));
    };
    let mut row = Reader::new(row);
    let (paid, currency, payment_intent) = (row.integer()?, row.text()?, row.optional_text()?);
    let (assigned_to, assigned_amount) = (row.optional_text()?, row.optional_integer()?);
    let amount = match wish.amount {
        Some(amount) => Some(amount).filter(|amount| amount.is_positive()),
        None if currency == wish.currency => {
            paid.checked_mul(10_000).and_then(Cents::checked_from_units).filter(|amount| amount.is_positive())
        }
        None => return Ok(Err(format!("It was paid in {currency}: say how many cents to credit for it."))),
    };
    let Some(amount) = amount.filter(|_| paid > 0) else {
        return Ok(Err("There is nothing to credit.".to_owned()));
    };
    let credit = Credit { account: wish.account.clone(), key: wish.key.clone(), amount, paid: None, payment_intent };
    match (assigned_to, assigned_amount) {
        (None, _) => {}
        (Some(account), Some(before)) if account == wish.account.as_str() && before == amount.units() => {
            return Ok(Ok(credit));
        }
        (Some(account), _) => {
            return Ok(Err(format!("It was assigned before, to {account}. That is decided once.")));
        }
    }
    sql.run(
        "UPDATE unclaimed SET assigned_to = ?, assigned_amount = ?, assigned_at = ? WHERE key = ?",
        &[wish.account.as_str().into(), amount.units().into(), now.into(), wish.key.as_str().into()],
    )?;
    Ok(Ok(credit))
}

/// Assignments whose credit may not have arrived yet.
pub fn assigned(sql: &dyn Sql, most: i64) -> Result<Vec<Credit>, SqlError> {
    let select = "SELECT key, payment_intent, assigned_to, assigned_amount FROM unclaimed
        WHERE assigned_to IS NOT NULL AND done = 0 ORDER BY assigned_at LIMIT ?";
    let read = |row: Row| {
        let mut row = Reader::new(row);
        Ok(Credit {
            key: row.text()?,
            payment_intent: row.optional_text()?,
            account: row.text()?.parse().map_err(|error| SqlError(format!("unclaimed.assigned_to: {error}")))?,
            amount: row.cents()?,
            paid: None,
        })
    };
    sql.run(select, &[most.into()])?.into_iter().map(read).collect()
}

/// It was credited to this account: nothing is left to do.
pub fn credited(sql: &dyn Sql, key: &str, account: &AccountId, amount: Cents) -> Result<(), SqlError> {
    sql.run(
        "UPDATE unclaimed SET assigned_to = ?2, assigned_amount = ?3, done = 1 WHERE key = ?1 AND done = 0",
        &[key.into(), account.as_str().into(), amount.units().into()],
    )?;
    Ok(())
}

/// Which of these payments, by key, were neither credited nor recorded as unclaimed, as far as the aggregate knows.
pub fn unknown(sql: &dyn Sql, keys: &[String]) -> Result<Vec<String>, SqlError> {
    let keys = serde_json::to_string(keys).expect("texts are plain JSON");
    let select = "SELECT value FROM json_each(?) WHERE value NOT IN (SELECT key FROM all_payments)
        AND value NOT IN (SELECT key FROM unclaimed)";
    sql.run(select, &[keys.into()])?.into_iter().map(|row| Reader::new(row).text()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{Schema, migrate};
    use crate::sql::Value;
    use crate::tables::Role;
    use crate::testing::database;

    fn aggregate() -> rusqlite::Connection {
        let sql = database();
        migrate(&sql, Role::Aggregate, &Schema::of::<()>()).unwrap();
        for (key, amount, currency) in [("dollars", 500, "usd"), ("euros", 500, "eur"), ("refund", -500, "usd")] {
            let unclaimed = Unclaimed {
                key: key.into(),
                reason: "it names no account".into(),
                amount,
                currency: currency.into(),
                client_reference_id: None,
                payment_intent: Some(format!("pi_{key}")),
                payment_link: None,
            };
            record_unclaimed(&sql, &unclaimed, 1).unwrap();
            record_unclaimed(&sql, &Unclaimed { reason: "another".into(), ..unclaimed }, 2).unwrap();
        }
        sql
    }

    fn wish(key: &str, account: u8, amount: Option<i64>) -> Assignment {
        let account = AccountId::from_hash(&[account; 32]);
        Assignment { key: key.into(), account, amount: amount.map(Cents::new), currency: "usd".into() }
    }

    #[test]
    fn money_is_assigned_once() {
        let sql = aggregate();
        let credit = assign(&sql, &wish("dollars", 7, None), 3).unwrap().unwrap();
        assert_eq!((credit.amount, credit.key.as_str()), (Cents::new(500), "dollars"));
        assert_eq!(credit.payment_intent.as_deref(), Some("pi_dollars"));
        let again = assign(&sql, &wish("dollars", 7, None), 4).unwrap().unwrap();
        assert_eq!((again.account, again.amount), (credit.account.clone(), credit.amount));
        for other in [wish("dollars", 8, None), wish("dollars", 7, Some(400))] {
            assert!(assign(&sql, &other, 5).unwrap().unwrap_err().contains("before"));
        }
        assert_eq!(assigned(&sql, 10).unwrap().len(), 1);
        credited(&sql, "dollars", &credit.account, credit.amount).unwrap();
        assert_eq!(assigned(&sql, 10).unwrap().len(), 0);
        assert!(assign(&sql, &wish("dollars", 7, None), 6).unwrap().is_ok(), "the same wish is still granted");
        assert!(assign(&sql, &wish("dollars", 8, None), 6).unwrap().is_err());
    }

    #[test]
    fn another_currency_needs_an_amount_and_a_refund_is_no_money() {
        let sql = aggregate();
        assert!(assign(&sql, &wish("euros", 7, None), 3).unwrap().unwrap_err().contains("eur"));
        assert_eq!(assign(&sql, &wish("euros", 7, Some(550)), 3).unwrap().unwrap().amount, Cents::new(550));
        for nothing in [wish("refund", 7, None), wish("refund", 7, Some(5)), wish("dollars", 7, Some(0))] {
            assert!(assign(&sql, &nothing, 3).unwrap().is_err());
        }
        assert!(assign(&sql, &wish("unheard of", 7, Some(5)), 3).unwrap().is_err());
        assert_eq!(assigned(&sql, 10).unwrap().len(), 1);
    }

    #[test]
    fn what_is_neither_credited_nor_unclaimed_is_unknown() {
        let sql = aggregate();
        let insert = "INSERT INTO all_payments (key, account_id, amount, taken, frozen, at, revision)
            VALUES ('credited', 'ada', 5, 0, 0, 1, 1)";
        sql.run(insert, &[]).unwrap();
        let keys = ["new", "dollars", "credited", "also new"].map(str::to_owned);
        assert_eq!(unknown(&sql, &keys).unwrap(), ["new", "also new"]);
        let unclaimed = Unclaimed {
            key: "credited".into(),
            reason: "late".into(),
            amount: 5,
            currency: "usd".into(),
            client_reference_id: None,
            payment_intent: None,
            payment_link: None,
        };
        record_unclaimed(&sql, &unclaimed, 1).unwrap();
        let count = sql.run("SELECT COUNT(*) FROM unclaimed WHERE key = 'credited'", &[]).unwrap();
        assert_eq!(count, [[Value::Integer(0)]], "what was credited is not unclaimed");
    }
}
