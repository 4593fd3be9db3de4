//! In the aggregate: money that came towards us and was credited to nobody, kept where the operator sees it.

use serde::{Deserialize, Serialize};

use crate::account::{Credit, Payer, Reversal};
use crate::clock::Millis;
use crate::identity::AccountId;
use crate::money::Cents;
use crate::sql::{Reader, Row, Sql, SqlError, read_all};
use crate::stored::{store, stored};

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
    #[serde(with = "crate::money::optional_units")]
    pub amount: Option<Cents>,
    /// Of the deployment.
    pub currency: String,
}

/// What follows from it.
#[derive(Clone, Debug)]
pub struct AssignedCredit {
    pub credit: Credit,
    /// What is known of refunds and disputes of the payment: to be taken from the credit.
    pub reversals: Vec<Reversal>,
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

/// Notes a refund or dispute of unclaimed money in its row; of other money nothing is kept here.
pub fn reversed(sql: &dyn Sql, payment_intent: &str, fact: &Reversal) -> Result<(), SqlError> {
    let select = "SELECT 1 FROM unclaimed WHERE payment_intent = ? AND done = 0 AND amount > 0";
    if sql.run(select, &[payment_intent.into()])?.is_empty() {
        return Ok(());
    }
    let key = fact.key();
    let known = reversals_where(sql, "key", &key)?.pop();
    if known.is_some_and(|known| !fact.is_newer_than(&known)) {
        return Ok(());
    }
    let insert = "INSERT OR REPLACE INTO unclaimed_reversals (key, payment_intent, fact) VALUES (?, ?, ?)";
    sql.run(insert, &[key.into(), payment_intent.into(), store(fact)])?;
    let taken = |fact: &Reversal| i128::from(fact.taken.units()) / 10_000;
    let back: i128 = reversals_where(sql, "payment_intent", payment_intent)?.iter().map(taken).sum();
    // More than a column holds is more than was paid, too.
    let back = i64::try_from(back).unwrap_or(i64::MAX).min(Cents::MAX.units());
    sql.run(
        "UPDATE unclaimed SET went_back = ? WHERE payment_intent = ? AND amount > 0",
        &[back.into(), payment_intent.into()],
    )?;
    Ok(())
}

fn reversals_where(sql: &dyn Sql, column: &'static str, value: &str) -> Result<Vec<Reversal>, SqlError> {
    let select = format!("SELECT fact FROM unclaimed_reversals WHERE {column} = ? ORDER BY key");
    let read = |row: Row| stored("unclaimed_reversals.fact", &Reader::new(row).blob()?);
    read_all(sql.run(&select, &[value.into()])?, read)
}

/// The credit with what is to be taken of it: all in the currency that it was paid in, of which a credit in another knows
/// nothing.
fn with_reversals(sql: &dyn Sql, credit: Credit) -> Result<AssignedCredit, SqlError> {
    let reversals = match &credit.payment_intent {
        Some(payment_intent) if credit.paid.is_some() => reversals_where(sql, "payment_intent", payment_intent)?,
        _ => Vec::new(),
    };
    Ok(AssignedCredit { credit, reversals })
}

/// Some that nobody was assigned and that another setting of the variables might credit: paid through this link in this currency,
/// with a reference. Those come first that were asked for longest ago.
pub fn to_judge(
    sql: &dyn Sql,
    payment_link: &str,
    currency: &str,
    most: i64,
    now: Millis,
) -> Result<Vec<Unclaimed>, SqlError> {
    let rows = sql.run(
        "UPDATE unclaimed SET judged_at = ?1 WHERE key IN (
            SELECT key FROM unclaimed WHERE assigned_to IS NULL AND payment_link = ?2 AND currency = ?3
            AND client_reference_id IS NOT NULL AND payment_intent IS NOT NULL ORDER BY judged_at, key LIMIT ?4
         ) RETURNING key, reason, amount, currency, client_reference_id, payment_intent, payment_link",
        &[now.into(), payment_link.into(), currency.into(), most.into()],
    )?;
    let read = |row: Row| {
        let mut row = Reader::new(row);
        Ok(Unclaimed {
            key: row.text()?,
            reason: row.text()?,
            amount: row.integer()?,
            currency: row.text()?,
            client_reference_id: row.optional_text()?,
            payment_intent: row.optional_text()?,
            payment_link: row.optional_text()?,
        })
    };
    read_all(rows, read)
}

/// Decides once whose it is, and answers the credit that follows from it; the same wish again is the same answer. In the
/// currency that it was paid in, it is at most what was paid.
///
/// `Err` says to the operator why not.
pub fn assign(sql: &dyn Sql, wish: &Assignment, now: Millis) -> Result<Result<AssignedCredit, String>, SqlError> {
    let select =
        "SELECT amount, currency, payment_intent, went_back, assigned_to, assigned_amount FROM unclaimed WHERE key = ?";
    let Some(row) = sql.run(select, &[wish.key.as_str().into()])?.pop() else {
        return Ok(Err("Nothing unclaimed has this key.".to_owned()));
    };
    let mut row = Reader::new(row);
    let (total, currency, payment_intent, went_back) =
        (row.integer()?, row.text()?, row.optional_text()?, row.integer()?);
    let paid = in_cents(total).filter(|_| currency == wish.currency);
    let (assigned_to, assigned_amount) = (row.optional_text()?, row.optional_integer()?);
    let amount = match wish.amount {
        Some(amount) if paid.is_some_and(|paid| amount > paid) => {
            return Ok(Err(format!("It is more than was paid: assign {total} at most.")));
        }
        Some(amount) => Some(amount),
        None if currency == wish.currency => paid,
        None => return Ok(Err(format!("It was paid in {currency}: say how many cents to credit for it."))),
    };
    let Some(amount) = amount.filter(|amount| total > 0 && amount.is_positive()) else {
        return Ok(Err("There is nothing to credit.".to_owned()));
    };
    let credit = Credit {
        account: wish.account.clone(),
        key: wish.key.clone(),
        amount,
        paid,
        payment_intent,
        payer: Payer::default(),
    };
    match (assigned_to, assigned_amount) {
        (None, _) => {}
        (Some(account), Some(before)) if account == wish.account.as_str() && before == amount.units() => {
            return with_reversals(sql, credit).map(Ok);
        }
        (Some(account), _) => {
            return Ok(Err(format!("It was assigned before, to {account}. That is decided once.")));
        }
    }
    if went_back >= total {
        return Ok(Err("All of it went back to whoever paid: there is nothing to credit.".to_owned()));
    }
    sql.run(
        "UPDATE unclaimed SET assigned_to = ?, assigned_amount = ?, assigned_at = ? WHERE key = ?",
        &[wish.account.as_str().into(), amount.units().into(), now.into(), wish.key.as_str().into()],
    )?;
    with_reversals(sql, credit).map(Ok)
}

fn in_cents(amount: i64) -> Option<Cents> {
    amount.checked_mul(10_000).and_then(Cents::checked_from_units)
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
    read_all(sql.run(select, &[keys.into()])?, |row| Reader::new(row).text())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::account::Kind;
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
        let AssignedCredit { credit, reversals } = assign(&sql, &wish("dollars", 7, None), 3).unwrap().unwrap();
        assert_eq!((credit.paid, reversals.len()), (Some(Cents::new(500)), 0));
        assert_eq!((credit.amount, credit.key.as_str()), (Cents::new(500), "dollars"));
        assert_eq!(credit.payment_intent.as_deref(), Some("pi_dollars"));
        let again = assign(&sql, &wish("dollars", 7, None), 4).unwrap().unwrap().credit;
        assert_eq!((again.account, again.amount), (credit.account.clone(), credit.amount));
        for other in [wish("dollars", 8, None), wish("dollars", 7, Some(400))] {
            assert!(assign(&sql, &other, 5).unwrap().unwrap_err().contains("before"));
        }
        credited(&sql, "dollars", &credit.account, credit.amount).unwrap();
        assert!(assign(&sql, &wish("dollars", 7, None), 6).unwrap().is_ok(), "the same wish is still granted");
        assert!(assign(&sql, &wish("dollars", 8, None), 6).unwrap().is_err());
    }

    #[test]
    fn another_currency_needs_an_amount_and_a_refund_is_no_money() {
        let sql = aggregate();
        assert!(assign(&sql, &wish("euros", 7, None), 3).unwrap().unwrap_err().contains("eur"));
        let euros = assign(&sql, &wish("euros", 7, Some(550)), 3).unwrap().unwrap().credit;
        assert_eq!((euros.amount, euros.paid), (Cents::new(550), None));
        for nothing in [wish("refund", 7, None), wish("refund", 7, Some(5)), wish("dollars", 7, Some(0))] {
            assert!(assign(&sql, &nothing, 3).unwrap().is_err());
        }
        assert!(assign(&sql, &wish("unheard of", 7, Some(5)), 3).unwrap().is_err());
    }

    fn refund(id: &str, cents: i64) -> Reversal {
        let amount = Cents::new(cents);
        let (kind, id) = (Kind::Refund, id.to_owned());
        Reversal { kind, id, amount, taken: amount, closed: true, moves: 0, at: 1, disowned: false }
    }

    fn went_back(sql: &dyn Sql, key: &str) -> i64 {
        let row = sql.run("SELECT went_back FROM unclaimed WHERE key = ?", &[key.into()]).unwrap().remove(0);
        Reader::new(row).integer().unwrap()
    }

    #[test]
    fn in_the_same_currency_at_most_what_was_paid_is_assigned() {
        let sql = aggregate();
        assert!(assign(&sql, &wish("dollars", 7, Some(501)), 3).unwrap().unwrap_err().contains("500"));
        let credit = assign(&sql, &wish("dollars", 7, Some(400)), 3).unwrap().unwrap().credit;
        assert_eq!((credit.amount, credit.paid), (Cents::new(400), Some(Cents::new(500))));
    }

    #[test]
    fn what_went_back_is_seen_in_its_row_and_cannot_be_assigned() {
        let sql = aggregate();
        reversed(&sql, "pi_of_another_product", &refund("re_0", 5)).unwrap();
        assert_eq!(sql.run("SELECT 1 FROM unclaimed_reversals", &[]).unwrap().len(), 0);
        for _ in 0..2 {
            reversed(&sql, "pi_dollars", &refund("re_1", 200)).unwrap();
            assert_eq!(went_back(&sql, "dollars"), 200);
        }
        reversed(&sql, "pi_dollars", &refund("re_2", 300)).unwrap();
        assert_eq!((went_back(&sql, "dollars"), went_back(&sql, "euros")), (500, 0));
        for amount in [None, Some(1)] {
            assert!(assign(&sql, &wish("dollars", 7, amount), 3).unwrap().unwrap_err().contains("went back"));
        }
        let failed = Reversal { taken: Cents::ZERO, moves: 1, ..refund("re_2", 300) };
        for fact in [&failed, &refund("re_2", 300)] {
            reversed(&sql, "pi_dollars", fact).unwrap();
            assert_eq!(went_back(&sql, "dollars"), 200, "an older fact changes nothing");
        }
        let facts = [refund("re_1", 200), failed];
        assert_eq!(assign(&sql, &wish("dollars", 7, None), 3).unwrap().unwrap().reversals, facts);

        reversed(&sql, "pi_euros", &refund("re_3", 100)).unwrap();
        let euros = assign(&sql, &wish("euros", 7, Some(300)), 3).unwrap().unwrap();
        assert_eq!((went_back(&sql, "euros"), euros.reversals.len()), (100, 0), "euros are not taken from dollars");
    }

    #[test]
    fn what_nobody_was_assigned_is_judged_again_in_turn() {
        let sql = aggregate();
        let claimable = |key: &str, currency: &str, payment_link: &str| Unclaimed {
            key: key.into(),
            reason: "it was paid through another payment link".into(),
            amount: 5,
            currency: currency.into(),
            client_reference_id: Some("ada".into()),
            payment_intent: Some(format!("pi_{key}")),
            payment_link: Some(payment_link.into()),
        };
        for (key, currency, link) in [
            ("a", "usd", "ours"),
            ("b", "usd", "ours"),
            ("c", "usd", "ours"),
            ("d", "usd", "theirs"),
            ("e", "eur", "ours"),
        ] {
            record_unclaimed(&sql, &claimable(key, currency, link), 1).unwrap();
        }
        let judge = |now| {
            let found = to_judge(&sql, "ours", "usd", 2, now).unwrap();
            found.into_iter().map(|unclaimed| unclaimed.key).collect::<BTreeSet<_>>()
        };
        let keys = |keys: &[&str]| keys.iter().map(|key| (*key).to_owned()).collect::<BTreeSet<_>>();
        assert_eq!(judge(1), keys(&["a", "b"]));
        assert_eq!(judge(2), keys(&["a", "c"]));
        assert_eq!(judge(3), keys(&["b", "a"]));
        assign(&sql, &wish("c", 7, None), 3).unwrap().unwrap();
        assert_eq!(judge(4), keys(&["a", "b"]), "what was assigned is decided");
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

    #[test]
    fn what_became_of_unclaimed_money_stays_as_it_was() {
        let sql = aggregate();
        let (ada, bob) = (AccountId::from_hash(&[7; 32]), AccountId::from_hash(&[8; 32]));
        credited(&sql, "dollars", &ada, Cents::new(500)).unwrap();
        credited(&sql, "dollars", &bob, Cents::new(400)).unwrap();
        let row = sql.run("SELECT assigned_to, assigned_amount FROM unclaimed WHERE key = 'dollars'", &[]).unwrap();
        assert_eq!(row, [[ada.as_str().into(), Value::Integer(5_000_000)]]);
    }
}
