//! In a directory shard: wrong guesses at the operator's password, by where they came from.

use crate::clock::Millis;
use crate::sql::{Reader, Sql, SqlError};

/// Guesses are counted over so long.
const WINDOW_MS: Millis = 10 * 60 * 1_000;
/// Wrong guesses one source has in that time.
const MOST: i64 = 10;
/// Beyond so many from everywhere, a source has one: whoever types the right password is never locked out by others.
const MOST_IN_ALL: i64 = 200;
/// Sources that are remembered.
const MAX_SOURCES: i64 = 10_000;

/// Takes a guess, right or wrong. Answers after how many seconds its source may guess again, if it may not now; then
/// nobody looked at whether it was right.
pub fn guess(sql: &dyn Sql, source: &str, right: bool, now: Millis) -> Result<Option<i64>, SqlError> {
    sql.run("DELETE FROM guesses WHERE since <= ?", &[(now - WINDOW_MS).into()])?;
    let mut all = Reader::new(sql.run("SELECT COUNT(*), COALESCE(SUM(wrong), 0) FROM guesses", &[])?.concat());
    let (sources, in_all) = (all.integer()?, all.integer()?);
    let known = sql.run("SELECT wrong, since FROM guesses WHERE source = ?", &[source.into()])?.pop();
    let (wrong, since) = match known {
        Some(row) => {
            let mut row = Reader::new(row);
            (row.integer()?, row.integer()?)
        }
        None => (0, now),
    };
    if wrong >= if in_all >= MOST_IN_ALL { 1 } else { MOST } {
        return Ok(Some((since + WINDOW_MS - now).div_euclid(1_000) + 1));
    }
    if !right {
        if sources >= MAX_SOURCES {
            let oldest = "SELECT source FROM guesses ORDER BY since LIMIT 1";
            sql.run(&format!("DELETE FROM guesses WHERE source IN ({oldest})"), &[])?;
        }
        sql.run(
            "INSERT INTO guesses (source, wrong, since) VALUES (?, 1, ?)
             ON CONFLICT (source) DO UPDATE SET wrong = wrong + 1",
            &[source.into(), now.into()],
        )?;
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{Schema, migrate};
    use crate::tables::Role;
    use crate::testing::database;

    const NOW: Millis = 1_800_000_000_000;

    fn directory() -> rusqlite::Connection {
        let sql = database();
        migrate(&sql, Role::Directory, &Schema::of::<()>()).unwrap();
        sql
    }

    #[test]
    fn one_source_guesses_ten_times_in_ten_minutes() {
        let sql = directory();
        for _ in 0..MOST {
            assert_eq!(guess(&sql, "a", false, NOW).unwrap(), None);
        }
        for right in [false, true] {
            assert_eq!(guess(&sql, "a", right, NOW + 1_000).unwrap(), Some(600), "right or wrong");
        }
        assert_eq!(guess(&sql, "b", true, NOW).unwrap(), None, "others are not locked out");
        assert_eq!(guess(&sql, "a", false, NOW + WINDOW_MS - 1).unwrap(), Some(1));
        assert_eq!(guess(&sql, "a", false, NOW + WINDOW_MS).unwrap(), None);
    }

    #[test]
    fn many_sources_have_one_guess_each_and_the_right_password_always() {
        let sql = directory();
        for source in 0..MOST_IN_ALL {
            assert_eq!(guess(&sql, &source.to_string(), false, NOW).unwrap(), None);
        }
        assert_eq!(guess(&sql, "operator", true, NOW).unwrap(), None);
        assert_eq!(guess(&sql, "new", false, NOW).unwrap(), None);
        assert!(guess(&sql, "new", false, NOW).unwrap().is_some());
        assert!(guess(&sql, "0", true, NOW).unwrap().is_some());
        assert_eq!(guess(&sql, "operator", true, NOW).unwrap(), None);
    }
}
