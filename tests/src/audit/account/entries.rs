//! The ledger: keys, signs, the history of balances, what was folded.

use std::collections::BTreeSet;
use std::time::{SystemTime, UNIX_EPOCH};

use super::{Account, Entry, is_hex};
use crate::audit::{DAY_MS, MAX_UNITS};

/// Begin the keys of what a closed account handed over, and of where it went.
const HANDED: &str = "handover:to:";
const TAKEN: &str = "handover:from:";

/// Money of a closed account that another one has, or is to have.
pub(in crate::audit) struct Handover<'a> {
    pub(in crate::audit) name: &'a str,
    pub(in crate::audit) other: &'a str,
    pub(in crate::audit) amount: i64,
}

impl<'a> Handover<'a> {
    fn of(entry: &'a Entry, way: &str) -> Option<Self> {
        let (name, detail) = (entry.key.strip_prefix(way)?, entry.detail.as_deref()?);
        Some(Self { name, other: detail.split(' ').next()?, amount: entry.amount.abs() })
    }
}

/// So long nothing folds: endings that come again look for their entries.
const YOUNG_MS: i64 = 2 * DAY_MS;
/// Places in a millisecond.
const PLACES: i64 = 1_024;

impl Account {
    /// What it handed over, and what was handed over to it.
    pub(in crate::audit) fn handovers(&self) -> [Vec<Handover<'_>>; 2] {
        [HANDED, TAKEN].map(|way| self.entries.iter().filter_map(|entry| Handover::of(entry, way)).collect())
    }

    pub(super) fn check_entries(&self, wrong: &mut Vec<String>) {
        let sum: i128 = self.entries.iter().map(|entry| i128::from(entry.amount)).sum();
        if sum != i128::from(self.balance) {
            wrong.push(format!("its balance is {} and its entries sum up to {sum}", self.balance));
        }
        let mut seen = BTreeSet::new();
        for entry in &self.entries {
            let Entry { key, kind, amount, .. } = entry;
            if !seen.insert(key) {
                wrong.push(format!("the key {key} has two entries"));
            }
            if !is_key(kind, key) {
                wrong.push(format!("{key} is no key of a {kind}"));
            }
            let sign_fits = match kind.as_str() {
                "credit" => *amount > 0,
                "capture" | "charge" | "fold" => *amount < 0,
                // What was left stays.
                "close" => *amount == 0,
                "handover" => (*amount < 0) == key.starts_with(HANDED) && *amount != 0,
                _ => *amount != 0,
            };
            if !sign_fits {
                wrong.push(format!("the {kind} {key} is of {amount}"));
            }
        }
        self.check_places(wrong);
        self.check_folded(wrong);
        self.check_history(wrong);
    }

    /// Where entries lie: each has a place of its own or its group's, and is found by the time in its key.
    fn check_places(&self, wrong: &mut Vec<String>) {
        let mut keyed = BTreeSet::new();
        for entry in self.entries.iter().filter(|entry| entry.kind != "fold") {
            let Entry { key, place, .. } = entry;
            if *place > self.ledger.last {
                wrong.push(format!("{key} lies at {place}, and the last entry at {}", self.ledger.last));
            }
            let id = key.strip_prefix("charge:").unwrap_or(key);
            if is_hex(id, 32) {
                if i64::from_str_radix(&id[..12], 16).is_ok_and(|began| began > place / PLACES) {
                    wrong.push(format!("{key} lies where nobody looks for it"));
                }
            } else if !keyed.insert(place) {
                wrong.push(format!("two entries lie at {place}"));
            }
        }
        if let Some(entry) = self.entries.iter().find(|entry| is_hex(&entry.key, 32) && keyed.contains(&entry.place)) {
            wrong.push(format!("two entries lie at {}", entry.place));
        }
        let lines = self.entries.iter().filter(|entry| entry.folds).count();
        if i64::try_from(lines) != Ok(self.ledger.lines) {
            wrong.push(format!("{lines} of its entries are to fold, and its row says {}", self.ledger.lines));
        }
    }

    /// What calls cost is kept one by one for a while; then it is one sum a day, label and token.
    fn check_folded(&self, wrong: &mut Vec<String>) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_millis() as i64);
        for entry in &self.entries {
            let Entry { key, at, calls, .. } = entry;
            if entry.folds && entry.place < self.ledger.folded {
                wrong.push(format!("{key} is there, and its time is folded"));
            }
            if entry.kind == "fold" && *calls < 1 {
                wrong.push(format!("{key} is of {calls} calls"));
            }
            if entry.kind == "fold" && at + DAY_MS + YOUNG_MS > now {
                wrong.push(format!("{key} is folded too early"));
            }
        }
    }

    /// Each entry leads from one balance to the next. Folding leaves no history of what it folded: what that came to, and what
    /// was entered meanwhile, is where the rest begins.
    fn check_history(&self, wrong: &mut Vec<String>) {
        let (old, rest): (Vec<_>, Vec<_>) =
            self.entries.iter().partition(|entry| entry.kind == "fold" || entry.place < self.ledger.folded);
        let mut balance = old.iter().fold(0_i64, |sum, entry| sum.saturating_add(entry.amount));
        for entry in rest {
            balance = balance.saturating_add(entry.amount);
            if entry.balance != Some(balance) {
                let said = entry.balance.unwrap_or_default();
                wrong.push(format!("its balances are no history: after {} it was {said}, not {balance}", entry.key));
                return;
            }
        }
        if balance != self.balance {
            wrong.push(format!("its balances are no history: they end with {balance}, and it is {}", self.balance));
        }
    }
}

fn is_key(kind: &str, key: &str) -> bool {
    match kind {
        "capture" => is_hex(key, 32),
        // What it folds is looked at by itself.
        "fold" => key.starts_with("fold:"),
        "credit" => key.strip_prefix("credit:").is_some_and(|session| is_hex(session, 64)),
        "charge" | "close" => {
            key.strip_prefix(kind).and_then(|rest| rest.strip_prefix(':')).is_some_and(|name| !name.is_empty())
        }
        "handover" => [HANDED, TAKEN].iter().any(|way| key.strip_prefix(way).is_some_and(|name| !name.is_empty())),
        "moved" => key.strip_prefix("moved:").is_some_and(|rest| {
            let rest = rest.strip_prefix("in:").or_else(|| rest.strip_prefix("back:")).unwrap_or(rest);
            let (payment, revision) = rest.split_once(':').unwrap_or((rest, "0"));
            is_hex(payment, 64) && revision.parse::<i64>().is_ok()
        }),
        "refund" | "dispute" => key
            .strip_prefix(kind)
            .and_then(|rest| rest.strip_prefix(':'))
            .and_then(|rest| rest.rsplit_once(':'))
            .is_some_and(|(id, units)| {
                // Behind a point stands the revision, where as much was taken before.
                let number = |number: &str| number.parse::<i64>().is_ok_and(|units| (0..=MAX_UNITS).contains(&units));
                !id.is_empty() && units.splitn(2, '.').all(number)
            }),
        _ => false,
    }
}
