//! In the aggregate: what the sweep asks Stripe about again, because it failed or has not ended.

use serde::{Deserialize, Serialize};

use crate::clock::Millis;
use crate::sql::{Reader, Row, Sql, SqlError, read_all};

/// After the first failure, and what it doubles up to.
const PAUSE_MS: [Millis; 2] = [10 * 60 * 1_000, 24 * 60 * 60 * 1_000];
/// A refund or dispute that is open is asked about so often.
const OPEN_MS: Millis = 6 * 60 * 60 * 1_000;

/// What to ask about now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Due {
    /// What could not be done before, in the words of whoever noted it.
    pub again: Vec<String>,
    /// PaymentIntents of payments with a refund that is pending or a dispute that is open.
    pub open: Vec<String>,
}

/// So many of each at most, those first that wait longest. What has not ended is not handed out again for a while.
pub fn due(sql: &dyn Sql, again: i64, open: i64, now: Millis) -> Result<Due, SqlError> {
    let text = |row: Row| Reader::new(row).text();
    let select = "SELECT what FROM again WHERE next_at <= ? ORDER BY next_at, what LIMIT ?";
    let again = read_all(sql.run(select, &[now.into(), again.into()])?, text)?;
    let open = sql.run(
        "UPDATE all_payments SET asked_at = ?1 WHERE key IN (
            SELECT key FROM all_payments WHERE open = 1 AND payment_intent IS NOT NULL AND asked_at <= ?1 - ?2
            ORDER BY asked_at, key LIMIT ?3
         ) RETURNING payment_intent",
        &[now.into(), OPEN_MS.into(), open.into()],
    )?;
    Ok(Due { again, open: read_all(open, text)? })
}

/// It could not be done: it is tried again, later each time.
pub fn failed(sql: &dyn Sql, what: &str, now: Millis) -> Result<(), SqlError> {
    let row = sql.run("SELECT failures FROM again WHERE what = ?", &[what.into()])?.pop();
    let failures = row.map_or(Ok(0), |row| Reader::new(row).integer())? + 1;
    let [first, most] = PAUSE_MS;
    let pause = (first << (failures - 1).min(16)).min(most);
    let insert = "INSERT OR REPLACE INTO again (what, failures, next_at) VALUES (?, ?, ?)";
    sql.run(insert, &[what.into(), failures.into(), (now + pause).into()])?;
    Ok(())
}

/// It is done.
pub fn done(sql: &dyn Sql, what: &str) -> Result<(), SqlError> {
    sql.run("DELETE FROM again WHERE what = ?", &[what.into()]).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{Schema, migrate};
    use crate::tables::Role;
    use crate::testing::database;

    const MINUTE: Millis = 60_000;

    fn aggregate() -> rusqlite::Connection {
        let sql = database();
        migrate(&sql, Role::Aggregate, &Schema::of::<()>()).unwrap();
        sql
    }

    #[test]
    fn what_failed_is_tried_again_later_each_time_and_keeps_no_other_waiting() {
        let sql = aggregate();
        let again = |now| due(&sql, 2, 0, now).unwrap().again;
        let mut now = 0;
        for pause in [10, 20, 40, 80, 160, 320, 640, 1_280, 1_440, 1_440] {
            failed(&sql, "payment pi_1", now).unwrap();
            assert_eq!(again(now + pause * MINUTE - 1), [""; 0], "{pause}");
            now += pause * MINUTE;
            assert_eq!(again(now), ["payment pi_1"]);
        }
        for other in ["refund re_1", "refund re_2"] {
            failed(&sql, other, now).unwrap();
        }
        failed(&sql, "payment pi_1", now).unwrap();
        assert_eq!(again(now + 10 * MINUTE), ["refund re_1", "refund re_2"]);
        done(&sql, "refund re_1").unwrap();
        assert_eq!(again(now + 2_000 * MINUTE), ["refund re_2", "payment pi_1"]);
    }

    #[test]
    fn what_has_not_ended_is_asked_about_in_turn() {
        let sql = aggregate();
        for (key, open) in [("a", 1), ("b", 0), ("c", 1), ("d", 1)] {
            let insert =
                "INSERT INTO all_payments (key, account_id, payment_intent, amount, taken, frozen, open, at, revision)
                VALUES (?1, 'ada', 'pi_' || ?1, 5, 0, 0, ?2, 1, 1)";
            sql.run(insert, &[key.into(), i64::from(open).into()]).unwrap();
        }
        let open = |now| {
            let mut open = due(&sql, 0, 2, now).unwrap().open;
            open.sort();
            open
        };
        let now = 100 * OPEN_MS;
        assert_eq!(open(now), ["pi_a", "pi_c"]);
        assert_eq!(open(now), ["pi_d"]);
        assert_eq!(open(now + OPEN_MS - 1), [""; 0]);
        assert_eq!(open(now + OPEN_MS), ["pi_a", "pi_c"]);
    }
}
