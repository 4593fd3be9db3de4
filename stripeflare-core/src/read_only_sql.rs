//! What the database panel may ask of a database: one statement that reads, and so many rows of its answer.

use serde::{Deserialize, Serialize};

use crate::sql::{Row, Value};

/// Rows of one answer take so many bytes at most.
pub const MAX_BYTES: usize = 2 * 1024 * 1024;

/// Some rows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Table {
    pub columns: Vec<String>,
    pub rows: Vec<Row>,
    /// There are more.
    pub more: bool,
}

/// About the bytes a row takes on its way.
pub fn size(row: &Row) -> usize {
    let of = |value: &Value| match value {
        Value::Text(text) => text.len(),
        Value::Blob(bytes) => bytes.len(),
        _ => 16,
    };
    row.iter().map(of).sum()
}

/// Whether a text is one statement that begins like one that reads; `Err` says what it is instead.
///
/// It is no more than a first look: whatever it does is rolled back, and one that wrote anything is refused.
/// Nor is a recursive query surely found: SQLite takes one without `RECURSIVE`, too.
pub fn reads(statement: &str) -> Result<(), &'static str> {
    let mut first = None;
    let (mut ended, mut rest) = (false, statement);
    while let Some(next) = rest.chars().next() {
        if next.is_whitespace() {
            rest = &rest[next.len_utf8()..];
            continue;
        }
        if let Some(comment) = rest.strip_prefix("--") {
            rest = comment.split_once('\n').map_or("", |(_, rest)| rest);
            continue;
        }
        if let Some(comment) = rest.strip_prefix("/*") {
            rest = comment.split_once("*/").map_or("", |(_, rest)| rest);
            continue;
        }
        if ended {
            return Err("One statement at a time.");
        }
        match next {
            ';' => {
                ended = true;
                rest = &rest[1..];
            }
            '\'' | '"' | '`' | '[' => {
                // A doubled quote goes on as another literal right behind this one.
                let end = if next == '[' { ']' } else { next };
                rest = rest[1..].split_once(end).ok_or("A quote is not closed.")?.1;
                first.get_or_insert_with(String::new);
            }
            next if next.is_alphanumeric() || next == '_' => {
                let end = rest.find(|next: char| !next.is_alphanumeric() && next != '_').unwrap_or(rest.len());
                let word = rest[..end].to_ascii_uppercase();
                rest = &rest[end..];
                if word == "RECURSIVE" {
                    return Err("Recursive queries may never end.");
                }
                first.get_or_insert(word);
            }
            next => {
                rest = &rest[next.len_utf8()..];
                first.get_or_insert_with(String::new);
            }
        }
    }
    match first.as_deref() {
        Some("SELECT" | "VALUES" | "WITH" | "EXPLAIN") => Ok(()),
        Some(_) => Err("Only SELECT, VALUES, WITH and EXPLAIN: this panel reads."),
        None => Err("There is no statement."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_statement_that_reads_passes() {
        for good in [
            "SELECT 1",
            " select * from users where name = 'a;b' ; ",
            "-- all of them\nSELECT * FROM users; -- done",
            "/* ; */ WITH a AS (SELECT 1) SELECT * FROM a",
            "VALUES (1, ';'), (2, '''; DELETE FROM users')",
            "EXPLAIN QUERY PLAN SELECT \"a;b\", [c;d], `e;f` FROM users",
            "SELECT 1;/* the end",
        ] {
            assert_eq!(reads(good), Ok(()), "{good}");
        }
    }

    #[test]
    fn everything_else_does_not() {
        for bad in [
            "",
            " -- nothing",
            ";",
            "SELECT 1; SELECT 2",
            "SELECT 1;;",
            "SELECT '1'; DELETE FROM users",
            "SELECT 1 /* */; /* */ DELETE FROM users",
            "DELETE FROM users",
            "INSERT INTO users DEFAULT VALUES RETURNING *",
            "PRAGMA writable_schema = 1",
            "ATTACH 'file' AS other",
            "BEGIN",
            "(SELECT 1)",
            "'SELECT' 1",
            "SELECT 'open",
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n",
        ] {
            assert!(reads(bad).is_err(), "{bad}");
        }
    }
}
