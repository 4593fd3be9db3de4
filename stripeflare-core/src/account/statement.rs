//! The account's entries as a statement: the newest first, page by page.
//!
//! No index is written for a charged call: the keys of captures and of charges without a name begin with their time, so
//! the primary key has them in order. An index has the few others.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::account::wallet::Wallet;
use crate::clock::Millis;
use crate::error::WalletError;
use crate::money::{Cents, units};
use crate::sql::{Reader, Row, SqlError, Value, read_all};

/// Lines a page has at most.
pub const MAX_PAGE: usize = 1_000;

const CHARGE: &str = "charge:";

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    pub key: String,
    pub at: Millis,
    pub kind: String,
    #[serde(with = "units")]
    pub amount: Cents,
    /// After it.
    #[serde(with = "units")]
    pub balance: Cents,
    /// What it was for.
    pub detail: Option<String>,
}

/// A line's place among all: what follows is older.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    moment: Millis,
    key: String,
}

impl Line {
    fn read(row: Row) -> Result<Self, SqlError> {
        let mut row = Reader::new(row);
        Ok(Self {
            key: row.text()?,
            at: row.integer()?,
            kind: row.text()?,
            amount: row.cents()?,
            balance: row.cents()?,
            detail: row.optional_text()?,
        })
    }

    /// By the time in its key, where that has one: there it is when the call began.
    pub fn place(&self) -> Place {
        let id = self.key.strip_prefix(CHARGE).unwrap_or(&self.key);
        let in_key = id.starts_with('0').then(|| id.get(..12)).flatten();
        let moment = in_key.and_then(|time| Millis::from_str_radix(time, 16).ok()).unwrap_or(self.at);
        Place { moment, key: self.key.clone() }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:012x}{}", self.moment, hex::encode(&self.key))
    }
}

/// The text is no place.
#[derive(Debug)]
pub struct ParsePlaceError;

impl FromStr for Place {
    type Err = ParsePlaceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (moment, key) = text.split_at_checked(12).ok_or(ParsePlaceError)?;
        // A sign would be taken, too.
        let digits = moment.bytes().all(|byte| byte.is_ascii_hexdigit());
        let moment = Millis::from_str_radix(moment, 16).ok().filter(|_| digits).ok_or(ParsePlaceError)?;
        let key = hex::decode(key).map_err(|_| ParsePlaceError)?;
        Ok(Self { moment, key: String::from_utf8(key).map_err(|_| ParsePlaceError)? })
    }
}

impl Wallet<'_> {
    /// So many lines, older than a place.
    pub fn lines(&self, before: Option<&Place>, count: usize) -> Result<Vec<Line>, WalletError> {
        const SELECT: &str = "SELECT key, at, kind, amount, balance, detail FROM entries WHERE";
        // One more than a page tells whether there is a next one.
        let count = count.min(MAX_PAGE + 1);
        let newest = Place { moment: Millis::MAX >> 16, key: String::new() };
        let before = before.unwrap_or(&newest);
        let limit = Value::from(count as i64);
        // The least key that is not older, among those that begin so with a time.
        let bound = |prefix: &str| {
            let mine = before.key.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('0'));
            let whole_moment = before.key.as_str() > prefix && !mine;
            let key = if mine {
                before.key.clone()
            } else {
                format!("{prefix}{:012x}", before.moment.saturating_add(i64::from(whole_moment)))
            };
            // A time of thirteen digits is after all that there are.
            Value::from(key.min(format!("{prefix}1")))
        };
        let timed = format!("{SELECT} key >= ? AND key < ? ORDER BY key DESC LIMIT ?");
        let mut rows = self.sql.run(&timed, &["0".into(), bound(""), limit.clone()])?;
        rows.extend(self.sql.run(&timed, &[format!("{CHARGE}0").into(), bound(CHARGE), limit.clone()])?);
        rows.extend(self.sql.run(
            &format!("{SELECT} key > 'charge:1' AND (at, key) < (?, ?) ORDER BY at DESC, key DESC LIMIT ?"),
            &[before.moment.into(), before.key.as_str().into(), limit],
        )?);
        let mut lines = read_all(rows, Line::read)?;
        lines.sort_by_cached_key(|line| std::cmp::Reverse(line.place()));
        lines.truncate(count);
        Ok(lines)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::AccountId;
    use crate::schema::{Schema, migrate};
    use crate::sql::Sql;
    use crate::tables::Role;
    use crate::testing::database;

    const SCHEMA: Schema = Schema::of::<()>();
    const NOW: Millis = 1_800_000_000_000;

    fn account(keys: &[(String, Millis)]) -> rusqlite::Connection {
        let sql = database();
        migrate(&sql, Role::Account, &SCHEMA).unwrap();
        Wallet::load_or_register(&sql, &SCHEMA, NOW, &AccountId::from_hash(&[7; 32])).unwrap().save().unwrap();
        for (key, at) in keys {
            let insert = "INSERT INTO entries (key, at, kind, amount, balance) VALUES (?, ?, 'capture', 1, 1)";
            sql.run(insert, &[key.as_str().into(), (*at).into()]).unwrap();
        }
        sql
    }

    fn keys(lines: &[Line]) -> Vec<String> {
        lines.iter().map(|line| line.key.clone()).collect()
    }

    #[test]
    fn pages_of_any_size_are_the_whole_statement_the_newest_first() {
        let mut entries = Vec::new();
        for step in 0..40_i64 {
            // Several in one millisecond, and written later than they began.
            let moment = NOW + step / 4;
            let id = format!("{moment:012x}{:020x}", step * 7 % 11);
            let key = match step % 5 {
                0 => format!("credit:{step}"),
                1 => format!("charge:{id}"),
                2 => format!("charge:job:\u{e4}{step}"),
                3 => format!("refund:re_{step}:0"),
                _ => id,
            };
            let timed = step % 5 == 1 || step % 5 == 4;
            entries.push((key, if timed { moment + 50 } else { moment }));
        }
        let sql = account(&entries);
        let wallet = Wallet::load(&sql, &SCHEMA, NOW).unwrap().unwrap();
        let all = wallet.lines(None, MAX_PAGE).unwrap();
        let mut expected: Vec<_> = all.iter().map(|line| (line.place(), line.key.clone())).collect();
        expected.sort();
        expected.reverse();
        assert_eq!(keys(&all), expected.iter().map(|(_, key)| key.clone()).collect::<Vec<_>>());
        assert_eq!(all.len(), entries.len());
        assert!(all.windows(2).all(|pair| pair[0].place().moment >= pair[1].place().moment));
        for size in [1, 2, 3, 7, 40] {
            let (mut read, mut place) = (Vec::new(), None::<Place>);
            loop {
                let page = wallet.lines(place.as_ref(), size).unwrap();
                let Some(last) = page.last() else { break };
                place = Some(last.place().to_string().parse().unwrap());
                read.extend(keys(&page));
            }
            assert_eq!(read, keys(&all), "{size} at a time");
        }
    }

    #[test]
    fn a_page_is_read_without_a_look_at_the_rest() {
        let sql = account(&[]);
        let plan = |select: &str| {
            let rows = sql.run(&format!("EXPLAIN QUERY PLAN {select}"), &[]).unwrap();
            rows.into_iter().map(|row| format!("{:?}", row.last())).collect::<String>()
        };
        let timed = plan("SELECT key FROM entries WHERE key >= '0' AND key < '1' ORDER BY key DESC LIMIT 1");
        assert!(timed.contains("SEARCH") && !timed.contains("TEMP B-TREE"), "{timed}");
        let others = plan(
            "SELECT key, amount FROM entries WHERE key > 'charge:1' AND (at, key) < (1, 'a') ORDER BY at DESC, key DESC LIMIT 1",
        );
        assert!(others.contains("entries_at") && !others.contains("TEMP B-TREE"), "{others}");
    }

    #[test]
    fn a_place_that_nobody_gave_out_is_refused() {
        for text in ["", "0123456789a", "0123456789abz", "0123456789ab0", "0123456789abff", "g123456789ab"] {
            assert!(text.parse::<Place>().is_err(), "{text}");
        }
    }
}
