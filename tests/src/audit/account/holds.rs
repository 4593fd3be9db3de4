//! Money that is held, and the keys whose answers wait for it.

use std::collections::BTreeSet;

use super::{Account, Hold, IdempotencyKey, is_hex};

/// Open holds an account may have.
const MAX_HOLDS: usize = 256;

/// Bytes of answers an account may keep.
const MAX_KEPT: i64 = 4 * 1024 * 1024;

impl Hold {
    /// What of the balance is not to be spent by others.
    fn claims(&self, now: i64) -> i64 {
        if self.expires_at > now { self.amount } else { self.reported.unwrap_or_default() }
    }
}

impl Account {
    pub(super) fn check_holds(&self, now: i64, wrong: &mut Vec<String>) {
        let entries: BTreeSet<&str> = self.entries.iter().map(|entry| entry.key.as_str()).collect();
        let mut seen = BTreeSet::new();
        for hold in &self.holds {
            if !is_hex(&hold.id, 32) {
                wrong.push(format!("{} is no id of a hold", hold.id));
            }
            if !seen.insert(hold.id.as_str()) {
                wrong.push(format!("the hold {} is there twice", hold.id));
            }
            if hold.amount <= 0 {
                wrong.push(format!("the hold {} is of {}", hold.id, hold.amount));
            }
            if hold.reported.is_some_and(|units| units < 0 || units > hold.amount) {
                wrong.push(format!("of the hold {} of {}, {:?} are reported", hold.id, hold.amount, hold.reported));
            }
            if entries.contains(hold.id.as_str()) {
                wrong.push(format!("the hold {} is held and captured", hold.id));
            }
        }
        if self.holds.len() > MAX_HOLDS {
            wrong.push(format!("it has {} holds", self.holds.len()));
        }
        for IdempotencyKey { key, hold, answered } in &self.keys {
            // Both happen with the capture, in one transaction.
            if *answered && self.holds.iter().any(|open| open.id == *hold) {
                wrong.push(format!("the idempotency key {key} is answered and its hold open"));
            }
            if *answered && !entries.contains(hold.as_str()) {
                wrong.push(format!("the idempotency key {key} is answered and not charged for"));
            }
        }
        if self.kept > MAX_KEPT {
            wrong.push(format!("{} bytes of answers are kept", self.kept));
        }
        // Only these may take what is available below zero.
        let may_overdraw =
            self.entries.iter().any(|entry| !matches!(entry.kind.as_str(), "credit" | "capture" | "fold"));
        let held: i64 = self.holds.iter().map(|hold| hold.claims(now)).sum();
        if !may_overdraw && self.frozen == 0 && self.balance < held {
            wrong.push(format!("{held} are held of a balance of {}", self.balance));
        }
    }
}
