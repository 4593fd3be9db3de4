//! The ledger: keys, signs, the history of balances, what was folded.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{SystemTime, UNIX_EPOCH};

use super::{Account, Entry, folded, is_hex};
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
        self.check_folded(wrong);
        // Folding leaves no history of the days that it folded: what they came to is where the rest begins.
        let days = self.entries.iter().filter_map(folded).map(|(day, ..)| day);
        let last_folded = days.max().unwrap_or(i64::MIN);
        let (old, rest): (Vec<&Entry>, Vec<&Entry>) =
            self.entries.iter().partition(|entry| entry.at.div_euclid(DAY_MS) <= last_folded);
        let start = old.iter().fold(0_i64, |sum, entry| sum.saturating_add(entry.amount));
        if let Some(what) = broken_chain(&rest, start, self.balance) {
            wrong.push(what);
        }
    }

    /// Captures are kept for 90 days; then those of one day and route are one entry, which says how many they were.
    fn check_folded(&self, wrong: &mut Vec<String>) {
        let today = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_millis() as i64) / DAY_MS;
        for entry in self.entries.iter().filter(|entry| entry.kind == "fold") {
            let Some((day, route, calls)) = folded(entry) else {
                wrong.push(format!("{} does not say what it folds", entry.key));
                continue;
            };
            if entry.key != format!("fold:{day}:{route}") || entry.at.div_euclid(DAY_MS) != day || calls < 1 {
                wrong.push(format!("{} folds {calls} calls of {route} on day {day}", entry.key));
            }
            if day >= today - 90 {
                wrong.push(format!("{} is folded too early", entry.key));
            }
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

/// Each entry leads from one balance to the next, so all of them are one walk from the start to the balance that is there.
/// Times do not say in which order, within a millisecond; but such a walk exists or it does not: every balance must be
/// left as often as it is come to, and all must hang together.
fn broken_chain(entries: &[&Entry], start: i64, balance: i64) -> Option<String> {
    let mut left = BTreeMap::from([(start, -1)]);
    *left.entry(balance).or_default() += 1;
    let mut neighbours: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    for entry in entries {
        let before = entry.balance.saturating_sub(entry.amount);
        *left.entry(before).or_default() += 1;
        *left.entry(entry.balance).or_default() -= 1;
        neighbours.entry(before).or_default().push(entry.balance);
        neighbours.entry(entry.balance).or_default().push(before);
    }
    if let Some((at, _)) = left.iter().find(|(_, times)| **times != 0) {
        return Some(format!("its entries' balances are no history: it breaks at {at}"));
    }
    let (mut reached, mut next) = (BTreeSet::from([start]), vec![start]);
    while let Some(at) = next.pop() {
        next.extend(neighbours.get(&at).into_iter().flatten().filter(|to| reached.insert(**to)));
    }
    let lost = neighbours.keys().find(|at| !reached.contains(at))?;
    Some(format!("its entries' balances are no history: nothing leads to {lost}"))
}
