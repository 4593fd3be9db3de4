//! Which browser a Checkout Session belongs to.

use crate::clock::Millis;
use crate::sql::{Reader, Sql, SqlError};

/// How long a Checkout Session stays bound, and a claim given up: longer than a session logs anybody in, and than any message
/// is on its way.
pub(super) const BOUND_MS: Millis = 24 * 60 * 60 * 1_000;

/// Binds a Checkout Session to the cookie of whoever comes first; answers whether it is bound to this one.
/// `cookie` is a hash, or empty for a browser without one.
pub fn bind(sql: &dyn Sql, session: &str, cookie: &str, now: Millis) -> Result<bool, SqlError> {
    let old = "DELETE FROM sessions WHERE session IN (SELECT session FROM sessions WHERE at < ? ORDER BY at LIMIT 100)";
    sql.run(old, &[(now - BOUND_MS).into()])?;
    let insert = "INSERT INTO sessions (session, cookie, at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING";
    sql.run(insert, &[session.into(), cookie.into(), now.into()])?;
    let bound = sql.run("SELECT cookie FROM sessions WHERE session = ?", &[session.into()])?.pop();
    Ok(Reader::new(bound.unwrap_or_default()).text()? == cookie)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{Schema, migrate};
    use crate::tables::Role;
    use crate::testing::database;

    #[test]
    fn a_session_belongs_to_the_first_cookie_or_to_none() {
        let sql = database();
        migrate(&sql, Role::Directory, &Schema::of::<()>()).unwrap();
        for _ in 0..2 {
            assert!(bind(&sql, "first", "ada", 0).unwrap());
            assert!(!bind(&sql, "first", "bob", 0).unwrap());
            assert!(!bind(&sql, "first", "", 0).unwrap());
            assert!(bind(&sql, "second", "", 0).unwrap());
            assert!(!bind(&sql, "second", "ada", 0).unwrap());
        }
        bind(&sql, "third", "ada", BOUND_MS + 1).unwrap();
        assert_eq!(sql.run("SELECT session FROM sessions", &[]).unwrap().len(), 1, "older ones are forgotten");
    }
}
