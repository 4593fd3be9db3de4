//! The account's entries as a statement: the newest first, page by page.
//!
//! Three tables are read from the same place on: groups of what calls cost, entries that keep their keys, and sums of the days
//! that are folded, each of which counts as its day's beginning.

use std::cmp::Reverse;

use crate::account::ledger::Group;
use crate::account::line::{DAY_PLACES, Folded, Line, Place};
use crate::account::tokens::TokenId;
use crate::account::wallet::Wallet;
use crate::clock::DAY_MS;
use crate::error::WalletError;
use crate::sql::{Reader, Row, Value, read_all};

/// Lines a page has at most.
pub const MAX_PAGE: usize = 1_000;
/// Groups that are read at once.
const GROUPS: i64 = 50;

impl Wallet<'_> {
    /// So many lines, older than a place.
    pub fn lines(&mut self, before: Option<&Place>, count: usize) -> Result<Result<Vec<Line>, Folded>, WalletError> {
        // What is due is shown as done.
        self.write_row()?;
        // One more than a page tells whether there is a next one.
        let count = count.min(MAX_PAGE + 1);
        let before = before.unwrap_or(&Place::NEWEST);
        if before.is_folded(self.account.ledger.folded) {
            return Ok(Err(Folded));
        }
        let mut lines = self.grouped(before, count)?;
        lines.extend(self.keyed(before, count)?);
        lines.extend(self.sums(before, count)?);
        lines.sort_by_key(|line| Reverse((line.place.place, line.place.number)));
        lines.truncate(count);
        Ok(Ok(lines))
    }

    fn grouped(&self, before: &Place, count: usize) -> Result<Vec<Line>, WalletError> {
        let select = format!("{} WHERE place <= ? ORDER BY place DESC LIMIT ?", Group::SELECT);
        let (mut lines, mut from) = (Vec::new(), before.place);
        loop {
            let groups = read_all(self.sql.run(&select, &[from.into(), GROUPS.into()])?, Group::read)?;
            let is_last = (groups.len() as i64) < GROUPS;
            for group in groups {
                from = group.place - 1;
                let older = |line: &Line| line.place.place < before.place || line.place.number < before.number;
                lines.extend(group.lines(self.account.ledger.folded)?.into_iter().filter(older));
            }
            if is_last || lines.len() >= count {
                return Ok(lines);
            }
        }
    }

    fn keyed(&self, before: &Place, count: usize) -> Result<Vec<Line>, WalletError> {
        const KIND: &str = "SELECT place, key, at, kind, amount, balance, detail, token FROM keyed_entries
             WHERE folds = ? AND place < ? ORDER BY place DESC LIMIT ?";
        let mut lines = Vec::new();
        for folds in [0, 1] {
            let rows = self.sql.run(KIND, &[Value::Integer(folds), before.place.into(), (count as i64).into()])?;
            let read = |row: Row| -> Result<Line, WalletError> {
                let mut row = Reader::new(row);
                let place = Place { place: row.integer()?, number: 0, folded: self.account.ledger.folded };
                let (key, at, kind) = (row.text()?, row.integer()?, row.text()?);
                let (amount, balance, detail) = (row.cents()?, Some(row.cents()?), row.optional_text()?);
                let (token, calls) = (row.optional_text()?.map(TokenId::from), (kind == "charge").then_some(1));
                Ok(Line { place, key, at, kind, amount, balance, detail, token, calls })
            };
            lines.extend(read_all(rows, read)?);
        }
        Ok(lines)
    }

    fn sums(&self, before: &Place, count: usize) -> Result<Vec<Line>, WalletError> {
        let (mut day, mut number) = (before.place.div_euclid(DAY_PLACES), 0);
        if before.number < 0 && before.place % DAY_PLACES == 0 {
            number = before.number;
        }
        let rows = self.sql.run(
            "SELECT day, label, token, calls, amount FROM entry_sums WHERE day <= ? ORDER BY day DESC, label DESC, token DESC
             LIMIT ? OFFSET ?",
            &[day.into(), (count as i64).into(), (-number).into()],
        )?;
        read_all(rows, |row| {
            let mut row = Reader::new(row);
            let of = row.integer()?;
            number = if of == day { number - 1 } else { -1 };
            day = of;
            let (label, token) = (row.text()?, row.text()?);
            Ok(Line {
                place: Place { place: day * DAY_PLACES, number, folded: self.account.ledger.folded },
                key: format!("fold:{day}:{label}:{token}"),
                at: day * DAY_MS,
                kind: "fold".to_owned(),
                calls: Some(row.integer()?),
                amount: row.cents()?,
                balance: None,
                detail: Some(label),
                token: (!token.is_empty()).then(|| token.into()),
            })
        })
    }
}

#[cfg(test)]
mod tests;
