//! What the database panel and `account.query` may ask of a database: one statement that reads, and so many rows of its answer.

mod typed;

use serde::{Deserialize, Serialize};

use crate::sql::Row;

/// Rows of one answer take so many bytes at most.
pub const MAX_BYTES: u32 = 2 * 1024 * 1024;

/// And so many they are at most, for `account.query`.
pub const MAX_ROWS: u32 = 10_000;

/// Some rows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Table {
    pub columns: Vec<String>,
    pub rows: Vec<Row>,
    /// There are more.
    pub more: bool,
}

/// The one statement of a text that begins like one that reads, without what may stand behind it; `Err` says what it is
/// instead.
///
/// It is no more than a first look: whatever it does is rolled back, and one that wrote anything is refused.
pub fn reads(text: &str) -> Result<&str, &'static str> {
    let mut tokens = Vec::new();
    let (mut statement, mut rest) = (text, text);
    while let Some((token, next)) = next_token(rest)? {
        if statement.len() < text.len() {
            return Err("One statement at a time.");
        }
        if token == Token::Sign(';') {
            statement = &text[..text.len() - next.len() - 1];
        } else {
            tokens.push(token);
        }
        rest = next;
    }
    match tokens.first() {
        Some(Token::Word(word)) if ["SELECT", "VALUES", "WITH", "EXPLAIN"].contains(&word.as_str()) => {}
        Some(_) => return Err("Only SELECT, VALUES, WITH and EXPLAIN: this only reads."),
        None => return Err("There is no statement."),
    }
    if (0..tokens.len()).any(|at| names_itself(&tokens[at..])) {
        return Err("A query in WITH that names itself may never end: give it a name that stands nowhere within it.");
    }
    Ok(statement)
}

#[derive(PartialEq)]
enum Token {
    /// In capitals.
    Word(String),
    /// In capitals, too, and without its quotes: SQLite takes all of them for names, where no text can stand.
    Quoted(String),
    Sign(char),
}

impl Token {
    fn name(&self) -> Option<&str> {
        match self {
            Self::Word(name) | Self::Quoted(name) => Some(name),
            Self::Sign(_) => None,
        }
    }

    fn is_word(&self, word: &str) -> bool {
        matches!(self, Self::Word(it) if it == word)
    }
}

/// The first token of a text, as SQLite cuts it, and what is behind it.
fn next_token(mut rest: &str) -> Result<Option<(Token, &str)>, &'static str> {
    // SQLite's own white space, and its letters: all that is not ASCII.
    let in_word = |next: char| next.is_ascii_alphanumeric() || "_$".contains(next) || !next.is_ascii();
    loop {
        let Some(next) = rest.chars().next() else { return Ok(None) };
        if next.is_ascii_whitespace() || next == '\u{feff}' {
            rest = &rest[next.len_utf8()..];
        } else if let Some(comment) = rest.strip_prefix("--") {
            rest = comment.split_once('\n').map_or("", |(_, rest)| rest);
        } else if let Some(comment) = rest.strip_prefix("/*") {
            rest = comment.split_once("*/").map_or("", |(_, rest)| rest);
        } else if "'\"`[".contains(next) {
            return quoted(if next == '[' { ']' } else { next }, &rest[1..]).map(Some);
        } else if in_word(next) {
            let (word, rest) = rest.split_at(rest.find(|next| !in_word(next)).unwrap_or(rest.len()));
            return Ok(Some((Token::Word(word.to_ascii_uppercase()), rest)));
        } else {
            return Ok(Some((Token::Sign(next), &rest[next.len_utf8()..])));
        }
    }
}

/// What is in quotes, of which a doubled one stands for itself.
fn quoted(end: char, mut rest: &str) -> Result<(Token, &str), &'static str> {
    let mut text = String::new();
    loop {
        let (part, behind) = rest.split_once(end).ok_or("A quote is not closed.")?;
        text.push_str(part);
        match behind.strip_prefix(end).filter(|_| end != ']') {
            Some(behind) => rest = behind,
            None => return Ok((Token::Quoted(text.to_ascii_uppercase()), behind)),
        }
        text.push(end);
    }
}

/// Whether here stands `name (…) AS [NOT] [MATERIALIZED] (…)`, as in `WITH`, with the name within the last brackets.
/// SQLite needs no `RECURSIVE` for such a query, which may go on for ever.
fn names_itself(tokens: &[Token]) -> bool {
    let Some((name, rest)) = tokens.split_first() else { return false };
    let Some(name) = name.name() else { return false };
    let Some((first, rest)) = rest[brackets(rest)..].split_first() else { return false };
    let Some(body) = rest.iter().position(|token| !token.is_word("NOT") && !token.is_word("MATERIALIZED")) else {
        return false;
    };
    let body = &rest[body..];
    first.is_word("AS") && body[..brackets(body)].iter().any(|token| token.name() == Some(name))
}

/// How many tokens the brackets take that open here; none if none do.
fn brackets(tokens: &[Token]) -> usize {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate() {
        match token {
            Token::Sign('(') => depth += 1,
            Token::Sign(')') => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return if at == 0 { 0 } else { at + 1 };
        }
    }
    tokens.len()
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
            "SELECT ';' || ']', [a''b] FROM (SELECT 1 AS [a''b])",
            "WITH a AS (SELECT 1), b(x) AS NOT MATERIALIZED (SELECT * FROM a) SELECT * FROM a, b",
        ] {
            assert!(reads(good).is_ok(), "{good}");
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

    #[test]
    fn what_follows_the_statement_is_not_run() {
        for (text, statement) in [
            ("SELECT 1; -- x", "SELECT 1"),
            (" SELECT ';' ; /* ; */ ", " SELECT ';' "),
            ("SELECT 1 -- x", "SELECT 1 -- x"),
            ("SELECT 'é';\u{feff}", "SELECT 'é'"),
        ] {
            assert_eq!(reads(text), Ok(statement));
        }
    }

    #[test]
    fn a_recursive_query_without_the_word_recursive() {
        let sql = rusqlite::Connection::open_in_memory().unwrap();
        for recursive in [
            "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 9) SELECT * FROM n",
            "with N as (select 1 as i union all select i + 1 from n limit 9) select * from n",
            "WITH n(i) AS MATERIALIZED (VALUES (1) UNION SELECT i + 1 FROM n LIMIT 9) SELECT * FROM n",
            "WITH n(i) AS NOT MATERIALIZED (VALUES (1) UNION SELECT i + 1 FROM n LIMIT 9) SELECT * FROM n",
            "WITH \"n\"\"o\"(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM [n\"o] LIMIT 9) SELECT * FROM `n\"o`",
            "WITH 'n'(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM 'N' LIMIT 9) SELECT * FROM n",
            "WITH n(i) AS/**/(SELECT 1 UNION ALL SELECT i + 1 FROM--\n\u{feff}n LIMIT 9) SELECT * FROM n",
            "WITH n(i) AS (SELECT 1 UNION ALL SELECT m.i + 1 FROM n AS m LIMIT 9) SELECT * FROM n",
            "WITH n$(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n$ LIMIT 9) SELECT * FROM n$",
            "WITH é(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM é LIMIT 9) SELECT * FROM é",
            "SELECT (WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 9) SELECT MAX(i) FROM n)",
            "EXPLAIN WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 9) SELECT * FROM n",
            "WITH a AS (SELECT 1), n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM a, n LIMIT 9) SELECT * FROM n",
        ] {
            assert!(sql.prepare(recursive).is_ok(), "SQLite takes it: {recursive}");
            assert!(reads(recursive).is_err(), "{recursive}");
        }
        // What names itself by way of another, SQLite refuses.
        for circular in [
            "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM m), m AS (SELECT * FROM n) SELECT * FROM n",
            "WITH m AS (SELECT * FROM n), n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM m) SELECT * FROM n",
        ] {
            assert!(reads(circular).is_ok());
            assert!(sql.prepare(circular).unwrap_err().to_string().contains("circular reference"), "{circular}");
        }
    }
}
