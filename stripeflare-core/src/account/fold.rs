//! What calls of long ago cost: folded into one sum a day, label and token, so that a busy account does not grow for ever.
//! Credits, charges under an author's key and all that goes back keep their entries and their keys.

use crate::account::line::{DAY_PLACES, moment_of};
use crate::account::usage::{MOST, OTHERS};
use crate::account::wallet::Wallet;
use crate::clock::{DAY_MS, Millis};
use crate::error::WalletError;
use crate::sql::{Reader, Value};

/// So many days are kept as they are.
const KEPT_DAYS: i64 = 90;
/// So many lines: with more, the oldest days fold before their time.
const KEPT_LINES: i64 = 200_000;
/// Nothing younger folds: until then an ending that comes again finds its entry.
const YOUNG_MS: Millis = 2 * DAY_MS;
/// What one transaction folds at most.
pub const BATCH: i64 = 500;

impl Wallet<'_> {
    /// Folds some of the oldest day, if its time has come: at most so many rows. Answers when there is more to fold.
    pub fn fold(&mut self, most: i64) -> Result<Option<Millis>, WalletError> {
        self.write_row()?;
        let Some(day) = self.oldest_day()? else { return Ok(None) };
        let due = self.folds_at(day);
        if due > self.now {
            return Ok(Some(due));
        }
        self.fold_day(day, most)?;
        Ok(self.oldest_day()?.map(|day| self.folds_at(day).max(self.now)))
    }

    fn oldest_day(&self) -> Result<Option<i64>, WalletError> {
        let select = "SELECT MIN(place) FROM (SELECT MIN(place) AS place FROM entry_groups
            UNION ALL SELECT MIN(place) FROM keyed_entries WHERE folds = 1)";
        let row = self.sql.run(select, &[])?.pop().unwrap_or_default();
        Ok(Reader::new(row).optional_integer()?.map(|place| moment_of(place).div_euclid(DAY_MS)))
    }

    /// A day of which some is folded goes on.
    fn folds_at(&self, day: i64) -> Millis {
        let ledger = &self.account.ledger;
        let soon = ledger.lines > KEPT_LINES || ledger.folded > day * DAY_PLACES;
        (day + 1) * DAY_MS + if soon { YOUNG_MS } else { KEPT_DAYS * DAY_MS }
    }

    fn fold_day(&mut self, day: i64, most: i64) -> Result<(), WalletError> {
        let end = Value::from((day + 1) * DAY_PLACES);
        let batch = self.sql.run(
            "SELECT COUNT(*), MAX(place), SUM(json_array_length(lines)) FROM (SELECT place, lines FROM entry_groups
             WHERE place < ? UNION ALL SELECT place, '[1]' FROM keyed_entries WHERE folds = 1 AND place < ?
             ORDER BY place LIMIT ?)",
            &[end.clone(), end, most.into()],
        )?;
        let mut batch = Reader::new(batch.into_iter().next().unwrap_or_default());
        let (rows, last, lines) = (batch.integer()?, batch.integer()?, batch.integer()?);
        // Labels that the day has already, and as many more as it may have by name.
        self.sql.run(
            "INSERT INTO entry_sums (day, label, token, calls, amount)
             SELECT day, IIF(known OR number <= ? - (SELECT COUNT(DISTINCT label) FROM entry_sums WHERE day = ?), label, ?),
             token, COUNT(*), SUM(amount) FROM
             (SELECT *, DENSE_RANK() OVER (PARTITION BY day, known ORDER BY label) AS number FROM
             (SELECT at / 86400000 AS day, COALESCE(detail, '') AS label, COALESCE(token, '') AS token, amount,
             EXISTS (SELECT 1 FROM entry_sums WHERE day = at / 86400000 AND label = COALESCE(detail, '')) AS known FROM
             (SELECT at, detail, token, amount FROM grouped_entries WHERE place <= ?
             UNION ALL SELECT at, detail, token, amount FROM keyed_entries WHERE folds = 1 AND place <= ?)))
             GROUP BY 1, 2, 3
             ON CONFLICT DO UPDATE SET calls = calls + excluded.calls, amount = amount + excluded.amount",
            &[Value::Integer(MOST as i64), day.into(), OTHERS.into(), last.into(), last.into()],
        )?;
        self.sql.run("DELETE FROM entry_groups WHERE place <= ?", &[last.into()])?;
        self.sql.run("DELETE FROM keyed_entries WHERE folds = 1 AND place <= ?", &[last.into()])?;
        self.account.ledger.lines -= lines;
        self.account.ledger.folded = if rows == most { last + 1 } else { (day + 1) * DAY_PLACES };
        // Nothing in it that others are told.
        self.sql.run("UPDATE users SET ledger = ?", &[self.account.ledger_value()])?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
