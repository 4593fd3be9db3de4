//! What an account's object has done and not written yet. It is written by the next group, and lost only with the object.

use crate::account::hold::{Hold, HoldId};
use crate::account::row::AccountRow;
use crate::account::tokens::TokenId;
use crate::account::usage::Usage;
use crate::clock::Millis;
use crate::error::WalletError;
use crate::money::Cents;

/// How long endings wait for each other.
const GROUP_MS: Millis = 20;
/// Entries of one group at most.
const GROUP: usize = 256;
/// A hold that is open for so long is written. An object that nobody asks is evicted after ten seconds: whoever starts
/// long calls and waits has not got rid of their holds by then.
const HOLD_MS: Millis = 1_000;
/// How long the aggregate's acknowledgement waits for a group, for the same reason.
const TOLD_MS: Millis = 2_000;

#[derive(Clone, Debug, Default)]
pub(crate) struct Pending {
    /// Counted in the balance, in their order.
    entries: Vec<Entry>,
    /// Open holds that the disk does not know, each with the time since when.
    holds: Vec<(Millis, Hold)>,
    /// Holds that have ended and are open on the disk.
    ended: Vec<HoldId>,
    /// When the first of what has ended did.
    since: Option<Millis>,
    told: Option<Told>,
}

/// A change of the balance.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// Never used twice.
    pub(crate) key: String,
    pub(crate) at: Millis,
    pub(crate) kind: &'static str,
    pub(crate) amount: Cents,
    /// What it was for.
    pub(crate) detail: Option<String>,
    /// The token that it is charged to.
    pub(crate) token: Option<TokenId>,
}

/// What the aggregate acknowledged.
#[derive(Clone, Debug)]
struct Told {
    at: Millis,
    revision: i64,
    /// Totals that it knows and that nothing is added to any more.
    over: Vec<Usage>,
}

impl Pending {
    pub(crate) fn enter(&mut self, entry: Entry) {
        self.since.get_or_insert(entry.at);
        self.entries.push(entry);
    }

    pub(crate) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }

    pub(crate) fn take_entries(&mut self) -> Vec<Entry> {
        std::mem::take(&mut self.entries)
    }

    pub(crate) fn open(&mut self, hold: Hold, now: Millis) {
        self.holds.push((now, hold));
    }

    pub(crate) fn end(&mut self, hold: &HoldId, now: Millis) {
        let before = self.holds.len();
        self.holds.retain(|(_, open)| open.id != *hold);
        if self.holds.len() == before {
            self.ended.push(hold.clone());
            self.since.get_or_insert(now);
        }
    }

    pub(crate) fn tell(&mut self, revision: i64, over: Vec<Usage>, now: Millis) {
        self.told = Some(Told { at: now, revision, over });
    }

    pub(crate) fn is_empty(&self) -> bool {
        !self.has_endings() && self.holds.is_empty() && self.told.is_none()
    }

    /// What a worker was told of, and keeps until it is written.
    pub(crate) fn has_endings(&self) -> bool {
        !self.entries.is_empty() || !self.ended.is_empty()
    }

    pub(crate) fn has_entries(&self) -> bool {
        !self.entries.is_empty()
    }

    /// When to write it at the latest.
    pub(crate) fn due(&self, now: Millis) -> Option<Millis> {
        let ending = self.since.map(|at| (at, if self.entries.len() < GROUP { GROUP_MS } else { 0 }));
        let hold = self.holds.first().map(|(at, _)| (*at, HOLD_MS));
        let told = self.told.as_ref().map(|told| (told.at, TOLD_MS));
        // A clock that goes back keeps nothing waiting.
        let due = |(at, wait)| if at > now { now } else { at + wait };
        [ending, hold, told].into_iter().flatten().map(due).min()
    }

    /// Makes of what the disk says of an account what is.
    pub(crate) fn apply(&self, row: &mut AccountRow) -> Result<(), WalletError> {
        row.holds.retain(|hold| !self.ended.contains(&hold.id));
        row.holds.extend(self.holds.iter().map(|(_, hold)| hold.clone()));
        for entry in &self.entries {
            row.balance = row.balance.checked_add(entry.amount).ok_or(WalletError::Overflow)?;
        }
        if let Some(told) = &self.told {
            row.sent_revision = row.sent_revision.max(told.revision);
            row.usage.retain(|usage| !told.over.contains(usage));
        }
        Ok(())
    }
}
