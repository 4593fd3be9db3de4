//! Old captures: folded into one entry a day and route, so that a busy account does not grow for ever. Credits, charges
//! and all that goes back keep their entries and their keys.

use std::collections::BTreeMap;

use crate::account::wallet::Wallet;
use crate::clock::{DAY_MS, Millis};
use crate::error::WalletError;
use crate::money::Cents;
use crate::sql::Reader;

/// So many days are kept as they are.
const KEPT_DAYS: i64 = 90;
/// What one transaction folds at most.
pub const BATCH: i64 = 500;

/// Captures of one day and route.
struct Folded {
    calls: u64,
    amount: Cents,
    /// Of the last of them.
    at: Millis,
    balance: Cents,
}

impl Wallet<'_> {
    /// Folds what is old enough, at most so many captures, and answers when there is more to fold.
    pub fn fold(&self, most: i64) -> Result<Option<Millis>, WalletError> {
        let before = (self.now.div_euclid(DAY_MS) - KEPT_DAYS) * DAY_MS;
        // The key of a capture begins with the time of its hold, and no other key begins with a digit.
        let old = "key < ? AND at < ? AND kind = 'capture'";
        let rows = self.sql.run(
            &format!("SELECT key, at, amount, balance, detail FROM entries WHERE {old} ORDER BY key LIMIT ?"),
            &[format!("{before:012x}").into(), before.into(), most.into()],
        )?;
        let (full, mut last_key) = (rows.len() as i64 == most, String::new());
        let mut groups: BTreeMap<(i64, String), Folded> = BTreeMap::new();
        for row in rows {
            let mut row = Reader::new(row);
            last_key = row.text()?;
            let (at, amount, balance) = (row.integer()?, row.cents()?, row.cents()?);
            let route = row.optional_text()?.unwrap_or_default();
            let new = Folded { calls: 0, amount: Cents::ZERO, at, balance };
            let group = groups.entry((at.div_euclid(DAY_MS), route)).or_insert(new);
            group.add(&Folded { calls: 1, amount, at, balance })?;
        }
        for ((day, route), group) in groups {
            self.write_folded(day, &route, group)?;
        }
        self.sql.run(
            &format!("DELETE FROM entries WHERE {old} AND key <= ?"),
            &[format!("{before:012x}").into(), before.into(), last_key.into()],
        )?;
        if full {
            return Ok(Some(self.now));
        }
        let select = "SELECT at FROM entries WHERE key < ':' AND kind = 'capture' ORDER BY key LIMIT 1";
        let Some(oldest) = self.sql.run(select, &[])?.pop() else { return Ok(None) };
        let day = Reader::new(oldest).integer()?.div_euclid(DAY_MS);
        Ok(Some((day + KEPT_DAYS + 1) * DAY_MS))
    }

    fn write_folded(&self, day: i64, route: &str, mut group: Folded) -> Result<(), WalletError> {
        let key = format!("fold:{day}:{route}");
        let select = "SELECT amount, at, balance, detail FROM entries WHERE key = ?";
        if let Some(row) = self.sql.run(select, &[key.as_str().into()])?.pop() {
            let mut row = Reader::new(row);
            let (amount, at, balance, detail) = (row.cents()?, row.integer()?, row.cents()?, row.text()?);
            let calls = detail.split_once(" × ").and_then(|(calls, _)| calls.parse().ok()).unwrap_or(0);
            group.add(&Folded { calls, amount, at, balance })?;
        }
        self.sql.run(
            "INSERT INTO entries (key, at, kind, amount, balance, detail) VALUES (?, ?, 'fold', ?, ?, ?)
             ON CONFLICT (key) DO UPDATE SET at = excluded.at, amount = excluded.amount, balance = excluded.balance,
             detail = excluded.detail",
            &[
                key.into(),
                group.at.into(),
                group.amount.units().into(),
                group.balance.units().into(),
                format!("{} × {route}", group.calls).into(),
            ],
        )?;
        Ok(())
    }
}

impl Folded {
    fn add(&mut self, other: &Self) -> Result<(), WalletError> {
        self.calls += other.calls;
        self.amount = self.amount.checked_add(other.amount).ok_or(WalletError::Overflow)?;
        if other.at >= self.at {
            (self.at, self.balance) = (other.at, other.balance);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::hold::{Ending, HoldId, Outcome};
    use crate::account::payment::Credit;
    use crate::identity::AccountId;
    use crate::schema::{Schema, migrate};
    use crate::sql::{Sql, Value};
    use crate::tables::Role;
    use crate::testing::database;

    const SCHEMA: Schema = Schema::of::<()>();
    const DAY: i64 = 20_000;

    fn at<T>(sql: &rusqlite::Connection, now: Millis, act: impl FnOnce(&mut Wallet<'_>) -> T) -> T {
        let mut wallet = Wallet::load_or_register(sql, &SCHEMA, now, &AccountId::from_hash(&[7; 32])).unwrap();
        let result = act(&mut wallet);
        wallet.save().unwrap();
        result
    }

    fn call(sql: &rusqlite::Connection, now: Millis, route: &str, cents: i64) {
        let hold = HoldId::generate(now);
        at(sql, now, |wallet| wallet.reserve(&hold, Cents::new(9), 60).unwrap()).unwrap();
        let outcome = Outcome::Capture { amount: Cents::new(cents), detail: route.into() };
        at(sql, now, |wallet| wallet.settle(&Ending { hold, outcome, key: None, token: None }).unwrap());
    }

    fn entries(sql: &rusqlite::Connection) -> Vec<(String, i64, String)> {
        let rows = sql.run("SELECT key, amount, detail FROM entries WHERE kind != 'credit' ORDER BY at, key", &[]);
        let read = |row: Vec<Value>| {
            let mut row = Reader::new(row);
            let (key, amount, detail) = (row.text().unwrap(), row.integer().unwrap(), row.text().unwrap());
            (if key.starts_with("fold") { key } else { "capture".to_owned() }, amount / 10_000, detail)
        };
        rows.unwrap().into_iter().map(read).collect()
    }

    #[test]
    fn captures_older_than_ninety_days_become_one_entry_a_day_and_route() {
        let sql = database();
        migrate(&sql, Role::Account, &SCHEMA).unwrap();
        let first = DAY * DAY_MS;
        let credit = Credit {
            account: AccountId::from_hash(&[7; 32]),
            key: "cs".into(),
            amount: Cents::new(1_000),
            paid: None,
            payment_intent: None,
            payer: Default::default(),
        };
        at(&sql, first, |wallet| wallet.credit(&credit).unwrap());
        for minute in 0..40 {
            call(&sql, first + minute * 60_000, if minute % 2 == 0 { "GET /a" } else { "GET /b" }, 2);
        }
        call(&sql, first + DAY_MS, "GET /a", 3);
        let due = (DAY + KEPT_DAYS + 1) * DAY_MS;
        for early in [first + DAY_MS, due - 1] {
            assert_eq!(at(&sql, early, |wallet| wallet.fold(BATCH).unwrap()), Some(due));
            assert_eq!(entries(&sql).len(), 41);
        }
        assert_eq!(at(&sql, due, |wallet| wallet.fold(7).unwrap()), Some(due), "more at once");
        assert_eq!(entries(&sql).len(), 41 - 7 + 2);
        while at(&sql, due, |wallet| wallet.fold(7).unwrap()) == Some(due) {}
        let folded =
            |route: &str, calls: i64| (format!("fold:{DAY}:{route}"), -2 * calls, format!("{calls} × {route}"));
        let kept = ("capture".to_owned(), -3, "GET /a".to_owned());
        assert_eq!(entries(&sql), [folded("GET /a", 20), folded("GET /b", 20), kept]);
        assert_eq!(at(&sql, due, |wallet| wallet.fold(BATCH).unwrap()), Some(due + DAY_MS));

        assert_eq!(at(&sql, due + DAY_MS, |wallet| wallet.fold(BATCH).unwrap()), None);
        let sum = sql.run("SELECT SUM(amount), (SELECT balance FROM users) FROM entries", &[]).unwrap();
        assert_eq!(sum, [[Value::Integer(9_170_000), Value::Integer(9_170_000)]]);
        assert!(!at(&sql, due + DAY_MS, |wallet| wallet.credit(&credit).unwrap()), "a credit keeps its key for ever");
    }
}
