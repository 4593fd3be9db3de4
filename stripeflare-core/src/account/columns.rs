//! Writes the owner's columns: only what changed, and only where nobody else wrote meanwhile.

use serde::{Deserialize, Serialize};

use crate::account::wallet::Wallet;
use crate::clock::Millis;
use crate::error::WalletError;
use crate::schema::Schema;
use crate::sql::{Reader, SqlError, Value};

/// How long an update is remembered: longer than whoever sent it tries again.
const REMEMBERED_MS: Millis = 120_000;
/// Updates remembered at most.
const REMEMBERED: usize = 64;

/// One column, what it held when it was read, and what it shall hold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    pub column: String,
    pub old: Value,
    pub new: Value,
}

/// Changes of one account that are made all or none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Update {
    /// Names this try: the same one twice is made once.
    pub id: String,
    pub changes: Vec<Change>,
}

impl Wallet<'_> {
    /// Makes the changes, unless a column holds something else than was read; `false` then.
    pub fn update(&mut self, schema: &Schema, update: &Update) -> Result<bool, WalletError> {
        let mut recent = self.recent_updates()?;
        if recent.iter().any(|(id, _)| *id == update.id) {
            return Ok(true);
        }
        let mut places = Vec::with_capacity(update.changes.len());
        for change in &update.changes {
            let place = schema.columns.iter().position(|column| column.name == change.column);
            places.push(place.ok_or_else(|| SqlError(format!("there is no column `{}`", change.column)))?);
        }
        let is_as_read = |(change, place): (&Change, &usize)| self.account.columns[*place] == change.old;
        if !update.changes.iter().zip(&places).all(is_as_read) {
            return Ok(false);
        }
        recent.retain(|(_, at)| *at > self.now - REMEMBERED_MS);
        recent.drain(..(recent.len() + 1).saturating_sub(REMEMBERED));
        recent.push((update.id.clone(), self.now));
        let mut statement = "UPDATE users SET recent_updates = ?".to_owned();
        let mut values = vec![Value::Text(serde_json::to_string(&recent).expect("names and times are plain JSON"))];
        for (change, place) in update.changes.iter().zip(places) {
            statement += &format!(", {} = ?", stripeflare_schema::quoted(&change.column));
            values.push(change.new.clone());
            self.account.columns[place] = change.new.clone();
        }
        self.sql.run(&statement, &values)?;
        self.touch();
        Ok(true)
    }

    fn recent_updates(&self) -> Result<Vec<(String, Millis)>, WalletError> {
        let row = self.sql.run("SELECT recent_updates FROM users", &[])?.pop().unwrap_or_default();
        let text = Reader::new(row).text()?;
        Ok(serde_json::from_str(&text).map_err(|error| SqlError(format!("users.recent_updates: {error}")))?)
    }
}

#[cfg(test)]
mod tests {
    use stripeflare_schema::{ColumnDef, ColumnType};

    use super::*;
    use crate::identity::AccountId;
    use crate::schema::migrate;
    use crate::tables::Role;
    use crate::testing::database;

    const NOW: Millis = 1_800_000_000_000;

    fn schema() -> Schema {
        let columns = &const {
            [ColumnDef::new("order", ColumnType::Integer, false), ColumnDef::new("nickname", ColumnType::Text, true)]
        };
        stripeflare_schema::Schema { table: stripeflare_schema::USERS, columns, dropped: &[], indexes: &[], steps: &[] }
            .into()
    }

    fn counted(id: &str, old: i64) -> Update {
        let change = Change { column: "order".into(), old: old.into(), new: (old + 1).into() };
        Update { id: id.into(), changes: vec![change] }
    }

    /// Whether it was made, and the revision, the columns after it.
    fn run(sql: &rusqlite::Connection, now: Millis, update: &Update) -> (bool, i64, Vec<Value>) {
        let schema = schema();
        let mut wallet = Wallet::load_or_register(sql, &schema, now, &AccountId::from_hash(&[7; 32])).unwrap();
        let made = wallet.update(&schema, update).unwrap();
        let account = wallet.save().unwrap();
        let stored = Wallet::load(sql, &schema, now).unwrap().unwrap().account;
        assert_eq!(account.columns, stored.columns, "what is answered is what is stored");
        (made, stored.revision, stored.columns)
    }

    fn set_up() -> rusqlite::Connection {
        let sql = database();
        migrate(&sql, Role::Account, &schema()).unwrap();
        sql
    }

    #[test]
    fn two_who_read_the_same_are_not_both_right() {
        let sql = set_up();
        let row = |order: i64| vec![Value::Integer(order), Value::Null];
        assert_eq!(run(&sql, NOW, &counted("a", 0)), (true, 1, row(1)));
        assert_eq!(run(&sql, NOW, &counted("b", 0)), (false, 1, row(1)));
        assert_eq!(run(&sql, NOW, &counted("c", 1)), (true, 2, row(2)));
    }

    #[test]
    fn an_update_that_comes_again_is_made_once() {
        let sql = set_up();
        run(&sql, NOW, &counted("a", 0));
        for number in 1..20 {
            assert!(run(&sql, NOW + number, &counted(&format!("b{number}"), number)).0);
        }
        let (made, revision, columns) = run(&sql, NOW + 20, &counted("a", 0));
        assert_eq!((made, revision, &columns[0]), (true, 20, &Value::Integer(20)), "made before, and nothing now");
    }

    #[test]
    fn old_updates_are_forgotten() {
        let sql = set_up();
        for number in 0..200 {
            run(&sql, NOW, &counted(&number.to_string(), number));
        }
        let count = |sql: &rusqlite::Connection| {
            Wallet::load(sql, &schema(), NOW).unwrap().unwrap().recent_updates().unwrap().len()
        };
        assert_eq!(count(&sql), REMEMBERED);
        run(&sql, NOW + REMEMBERED_MS, &counted("later", 200));
        assert_eq!(count(&sql), 1);
    }

    #[test]
    fn all_changes_are_made_or_none() {
        let sql = set_up();
        let mut update = counted("a", 0);
        update.changes.push(Change { column: "nickname".into(), old: "x".into(), new: "y".into() });
        assert_eq!(run(&sql, NOW, &update), (false, 0, vec![Value::Integer(0), Value::Null]));
        update.changes[1].old = Value::Null;
        assert_eq!(run(&sql, NOW, &update), (true, 1, vec![Value::Integer(1), "y".into()]));
    }

    #[test]
    fn a_column_that_is_not_there_is_an_error() {
        let sql = set_up();
        let schema = schema();
        let mut wallet = Wallet::load_or_register(&sql, &schema, NOW, &AccountId::from_hash(&[7; 32])).unwrap();
        let change = Change { column: "balance".into(), old: 0.into(), new: 1.into() };
        assert!(wallet.update(&schema, &Update { id: "a".into(), changes: vec![change] }).is_err());
    }
}
