//! The audit as a table for people.

use std::fmt;

use super::{Audit, Figures, Finding};

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.what)
    }
}

impl Audit {
    fn sum(&self, of: impl Fn(&Figures) -> i64) -> String {
        cents(self.accounts.values().map(|account| i128::from(of(account))).sum())
    }

    fn total(&self, of: impl Fn(&Figures) -> usize) -> usize {
        self.accounts.values().map(of).sum()
    }
}

/// Units as cents, with what decimals there are.
fn cents(units: i128) -> String {
    let sign = if units < 0 { "-" } else { "" };
    let text = format!("{sign}{}.{:04}", units.unsigned_abs() / 10_000, units.unsigned_abs() % 10_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

impl fmt::Display for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = |kind: &str| self.total(|account| account.count(kind));
        let entries = self.total(|account| account.entries.values().sum());
        let mut line = |name: &str, count: usize, sum: String| writeln!(f, "{name:<22}{count:>10}{sum:>22}");
        line("accounts", self.accounts.len(), self.sum(|account| account.balance))?;
        line("  never paid for", self.empty, String::new())?;
        line("entries", entries, self.sum(|account| account.credited - account.charged - account.taken))?;
        line("  credits", kind("credit"), self.sum(|account| account.credited))?;
        line("  captures, charges", kind("capture") + kind("charge"), self.sum(|account| -account.charged))?;
        line("  refunds, disputes", kind("refund") + kind("dispute"), self.sum(|account| -account.taken))?;
        line("cards", self.total(|account| account.cards.len()), String::new())?;
        line("frozen", self.total(|account| usize::from(account.frozen != 0)), self.sum(|account| account.frozen))?;
        line("holds, open", self.total(|account| account.open.len()), self.sum(|account| account.open.values().sum()))?;
        line("holds, expired", self.total(|account| account.expired), String::new())?;
        line("directory shards", self.shards, String::new())?;
        line("  places", self.places, String::new())?;
        line("  parked", self.parked.len(), String::new())?;
        line("aggregates", self.aggregates, String::new())?;
        line("  unclaimed", self.unclaimed.len(), String::new())?;
        line("unfinished", self.unfinished.len(), String::new())?;
        line("violations", self.violations.len(), String::new())?;
        for (payment_intent, fact) in &self.parked {
            writeln!(f, "parked for {payment_intent}: {fact}")?;
        }
        for (amount, currency, reason) in &self.unclaimed {
            writeln!(f, "unclaimed {amount} {currency}: {reason}")?;
        }
        for finding in &self.unfinished {
            writeln!(f, "unfinished: {finding}")?;
        }
        for finding in &self.violations {
            writeln!(f, "VIOLATION: {finding}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::cents;

    #[test]
    fn amounts_are_shown_in_cents() {
        for (units, text) in [(0, "0"), (5_000_000, "500"), (2_500, "0.25"), (-1, "-0.0001"), (-10_000, "-1")] {
            assert_eq!(cents(units), text);
        }
    }
}
