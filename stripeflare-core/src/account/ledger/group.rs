//! Entries of calls as they are stored: those that were written together are one row.
//!
//! The row has them as JSON. Bytes would take a third less, and no view could show them: people, their SQL and SQLite itself,
//! which folds them, read the same.

use serde::{Deserialize, Serialize};

use crate::account::line::{CHARGE, Line, Place, call_of, moment_of};
use crate::account::pending::Entry;
use crate::account::tokens::TokenId;
use crate::clock::Millis;
use crate::error::WalletError;
use crate::money::Cents;
use crate::sql::{Reader, Row, SqlError};

/// What several lines have in common: kind, label and token.
#[derive(PartialEq, Serialize, Deserialize)]
struct Head(String, String, Option<TokenId>);

/// The end of an entry's key, what it cost, how long before the group's moment its call began and it was charged, and its head.
#[derive(Serialize, Deserialize)]
struct Stored(String, i64, Millis, Millis, usize);

/// One row.
pub(crate) struct Group {
    pub(crate) place: i64,
    /// After its last line.
    balance: Cents,
    heads: Vec<Head>,
    lines: Vec<Stored>,
}

impl Group {
    pub(crate) const SELECT: &str = "SELECT place, balance, heads, lines FROM entry_groups";

    /// # Panics
    /// For entries that are not of calls.
    pub(super) fn of(entries: &[Entry], balance: Cents, place: i64) -> Self {
        let mut group = Self { place, balance, heads: Vec::new(), lines: Vec::new() };
        let moment = moment_of(place);
        for entry in entries {
            let head = Head(entry.kind.to_owned(), entry.detail.clone().unwrap_or_default(), entry.token.clone());
            let known = group.heads.iter().position(|known| *known == head);
            let number = known.unwrap_or(group.heads.len());
            if known.is_none() {
                group.heads.push(head);
            }
            let (began, end) = call_of(&entry.key).expect("an entry of a call");
            group.lines.push(Stored(end.to_owned(), -entry.amount.units(), moment - began, moment - entry.at, number));
        }
        group
    }

    pub(super) fn texts(&self) -> [String; 2] {
        let text = |json: serde_json::Result<String>| json.expect("plain data");
        [text(serde_json::to_string(&self.heads)), text(serde_json::to_string(&self.lines))]
    }

    pub(crate) fn read(row: Row) -> Result<Self, SqlError> {
        fn json<T: serde::de::DeserializeOwned>(place: i64, text: &str) -> Result<T, SqlError> {
            serde_json::from_str(text).map_err(|error| SqlError(format!("the entries of {place}: {error}")))
        }
        let mut row = Reader::new(row);
        let (place, balance) = (row.integer()?, row.cents()?);
        Ok(Self { place, balance, heads: json(place, &row.text()?)?, lines: json(place, &row.text()?)? })
    }

    /// Amount and time of the entry whose key ends so.
    pub(super) fn find(&self, end: &str) -> Result<Option<(Cents, Millis)>, WalletError> {
        let Some(Stored(_, cost, _, charged, _)) = self.lines.iter().find(|line| line.0 == end) else {
            return Ok(None);
        };
        let amount = Cents::checked_from_units(-cost).ok_or(WalletError::Overflow)?;
        Ok(Some((amount, moment_of(self.place) - charged)))
    }

    /// Its lines, the newest first.
    pub(crate) fn lines(self, folded: i64) -> Result<Vec<Line>, WalletError> {
        let (moment, mut balance) = (moment_of(self.place), self.balance);
        let mut lines = Vec::new();
        for (number, Stored(end, cost, began, charged, head)) in self.lines.into_iter().enumerate().rev() {
            let unknown = || SqlError(format!("an entry of {} is of no head", self.place));
            let Head(kind, label, token) = self.heads.get(head).ok_or_else(unknown)?;
            let cost = Cents::checked_from_units(cost).ok_or(WalletError::Overflow)?;
            let prefix = if kind == "charge" { CHARGE } else { "" };
            lines.push(Line {
                place: Place { place: self.place, number: number as i64, folded },
                key: format!("{prefix}{:012x}{end}", moment - began),
                at: moment - charged,
                kind: kind.clone(),
                amount: -cost,
                balance: Some(balance),
                detail: Some(label.clone()),
                token: token.clone(),
                calls: Some(1),
            });
            balance = balance.checked_add(cost).ok_or(WalletError::Overflow)?;
        }
        Ok(lines)
    }
}
