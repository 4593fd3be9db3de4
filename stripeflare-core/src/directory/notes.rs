//! What holds for the deployment as a whole, in the one shard that is asked for it.

use serde::{Deserialize, Serialize};

use crate::clock::Millis;
use crate::sql::{Reader, Sql, SqlError};

/// What was noted, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    pub at: Millis,
    pub text: String,
}

/// Notes something; `once`: unless something was noted before. Answers what is noted now.
pub fn note(sql: &dyn Sql, name: &str, text: &str, once: bool, now: Millis) -> Result<Note, SqlError> {
    if once && let Some(before) = noted(sql, name)? {
        return Ok(before);
    }
    let insert = "INSERT OR REPLACE INTO notes (name, at, text) VALUES (?, ?, ?)";
    sql.run(insert, &[name.into(), now.into(), text.into()])?;
    Ok(Note { at: now, text: text.to_owned() })
}

/// What was noted under this name.
pub fn noted(sql: &dyn Sql, name: &str) -> Result<Option<Note>, SqlError> {
    let row = sql.run("SELECT at, text FROM notes WHERE name = ?", &[name.into()])?.pop();
    row.map(|row| {
        let mut row = Reader::new(row);
        Ok(Note { at: row.integer()?, text: row.text()? })
    })
    .transpose()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{Schema, migrate};
    use crate::tables::Role;
    use crate::testing::database;

    #[test]
    fn the_newest_note_holds_and_of_what_is_noted_once_the_first() {
        let sql = database();
        migrate(&sql, Role::Directory, &Schema::of::<()>()).unwrap();
        let a_note = |at: Millis, text: &str| Note { at, text: text.into() };
        assert_eq!(noted(&sql, "currency").unwrap(), None);
        for (now, currency) in [(1, "usd"), (2, "eur")] {
            assert_eq!(note(&sql, "currency", currency, true, now).unwrap(), a_note(1, "usd"));
        }
        for (now, text) in [(1, "good"), (2, "bad")] {
            assert_eq!(note(&sql, "link", text, false, now).unwrap(), a_note(now, text));
        }
        assert_eq!(noted(&sql, "link").unwrap(), Some(a_note(2, "bad")));
    }
}
