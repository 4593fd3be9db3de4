//! What calls came to, by day, route and account; after ninety days by day and route alone, so that nothing grows with each
//! account's every day.

use crate::account::{OTHERS, Usage};
use crate::clock::{DAY_MS, Millis};
use crate::identity::AccountId;
use crate::money::Cents;
use crate::sql::{Reader, Sql, SqlError, Value};

/// So many days are kept by account, as long as accounts keep their captures.
const KEPT_DAYS: i64 = 90;
/// What one message folds at most.
const BATCH: i64 = 200;
/// What is kept of an old day by name; labels may be of one call each.
const MOST: i64 = 200;

/// Takes an account's totals in. What is older than is kept by account was told before.
pub(super) fn count(sql: &dyn Sql, account: &AccountId, usage: &[Usage], now: Millis) -> Result<(), SqlError> {
    for usage in usage.iter().filter(|usage| usage.day >= first_kept(now)) {
        // Totals of a day only grow, so the larger one is the newer.
        sql.run(
            "INSERT INTO all_usage (day, route, account_id, calls, amount) VALUES (?, ?, ?, ?, ?)
             ON CONFLICT (day, route, account_id) DO UPDATE SET calls = excluded.calls, amount = excluded.amount
             WHERE excluded.calls > all_usage.calls",
            &[
                usage.day.into(),
                usage.route.as_str().into(),
                account.as_str().into(),
                i64::try_from(usage.calls).unwrap_or(i64::MAX).into(),
                usage.amount.units().into(),
            ],
        )?;
    }
    Ok(())
}

/// Folds some of what is old enough.
pub fn fold_usage(sql: &dyn Sql, now: Millis) -> Result<(), SqlError> {
    let old = "SELECT day, route, account_id FROM all_usage WHERE day < ? ORDER BY day, route, account_id LIMIT ?";
    let rows = sql.run(
        &format!("DELETE FROM all_usage WHERE (day, route, account_id) IN ({old}) RETURNING day, route, calls, amount"),
        &[first_kept(now).into(), BATCH.into()],
    )?;
    for row in rows {
        let mut row = Reader::new(row);
        let (day, route, calls, amount) = (row.integer()?, row.text()?, row.integer()?, row.cents()?);
        let known = "SELECT EXISTS (SELECT 1 FROM old_usage WHERE day = ?1 AND route = ?2)
            OR (SELECT COUNT(*) FROM old_usage WHERE day = ?1) < ?3";
        let named = sql.run(known, &[day.into(), route.as_str().into(), MOST.into()])? == [[1.into()]];
        let key: [Value; 2] = [day.into(), if named { route } else { OTHERS.to_owned() }.into()];
        let before = sql.run("SELECT calls, amount FROM old_usage WHERE day = ? AND route = ?", &key)?.pop();
        let mut before = Reader::new(before.unwrap_or_else(|| vec![0.into(), 0.into()]));
        let calls = calls.saturating_add(before.integer()?);
        // All accounts together may have spent more than one can have.
        let amount = amount.checked_add(before.cents()?).unwrap_or(Cents::MAX);
        let [day, route] = key;
        sql.run(
            "INSERT OR REPLACE INTO old_usage (day, route, calls, amount) VALUES (?, ?, ?, ?)",
            &[day, route, calls.into(), amount.units().into()],
        )?;
    }
    Ok(())
}

fn first_kept(now: Millis) -> i64 {
    now.div_euclid(DAY_MS) - KEPT_DAYS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{Schema, migrate};
    use crate::tables::Role;
    use crate::testing::database;

    #[test]
    fn after_ninety_days_a_day_and_route_is_one_row_whoever_tells_of_it_again() {
        const DAY: i64 = 20_000;
        const ACCOUNTS: u8 = 150;
        let sql = database();
        migrate(&sql, Role::Aggregate, &Schema::of::<()>()).unwrap();
        let usage = |day: i64, route: &str, calls: u64| Usage {
            day,
            route: route.into(),
            calls,
            amount: Cents::new(2) * i64::try_from(calls).unwrap(),
        };
        let told = [usage(DAY, "GET /a", 3), usage(DAY, "GET /b", 1), usage(DAY + 1, "GET /a", 5)];
        let tell = |now: Millis| {
            for account in 0..ACCOUNTS {
                count(&sql, &AccountId::from_hash(&[account; 32]), &told, now).unwrap();
            }
        };
        let numbers = |select: &str| -> Vec<i64> {
            let row = sql.run(select, &[]).unwrap().remove(0);
            row.into_iter().map(|value| if let Value::Integer(number) = value { number } else { -1 }).collect()
        };
        let accounts = i64::from(ACCOUNTS);
        let day = |day: i64| day * DAY_MS;
        for now in [day(DAY + 1), day(DAY + KEPT_DAYS)] {
            tell(now);
            fold_usage(&sql, now).unwrap();
            assert_eq!(numbers("SELECT COUNT(*), SUM(calls) FROM all_usage"), [3 * accounts, 9 * accounts]);
        }
        // In batches, and all the while accounts say again what they said.
        let later = day(DAY + KEPT_DAYS + 1);
        for _ in 0..3 {
            fold_usage(&sql, later).unwrap();
            tell(later);
        }
        assert_eq!(
            numbers("SELECT COUNT(*), SUM(calls), SUM(amount) FROM all_usage"),
            [1, 5, 100_000].map(|one| one * accounts)
        );
        let folded = "SELECT COUNT(*), SUM(calls), SUM(amount), MAX(calls) FROM old_usage";
        assert_eq!(numbers(folded), [2, 4 * accounts, 80_000 * accounts, 3 * accounts]);
    }

    #[test]
    fn an_old_day_of_ever_new_labels_is_so_many_rows_and_loses_no_call() {
        let sql = database();
        migrate(&sql, Role::Aggregate, &Schema::of::<()>()).unwrap();
        let account = AccountId::from_hash(&[7; 32]);
        for label in 0..2 * MOST {
            let usage = Usage { day: 1, route: format!("label {label:04}"), calls: 3, amount: Cents::new(1) };
            count(&sql, &account, &[usage], DAY_MS).unwrap();
        }
        for _ in 0..3 {
            fold_usage(&sql, 100 * DAY_MS).unwrap();
        }
        let row = sql.run("SELECT COUNT(*), SUM(calls), SUM(amount) FROM old_usage", &[]).unwrap().remove(0);
        assert_eq!(row, [MOST + 1, 6 * MOST, 20_000 * MOST].map(Value::Integer));
        assert_eq!(sql.run("SELECT COUNT(*) FROM all_usage", &[]).unwrap(), [[Value::Integer(0)]]);
    }
}
