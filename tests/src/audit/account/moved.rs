//! Payments that moved to another account, in both of the two.

use super::{Account, Payment};

/// What a payment's home knows of its move.
pub(in crate::audit) struct Move {
    pub(in crate::audit) payment: String,
    pub(in crate::audit) to: String,
    pub(in crate::audit) moved: i64,
    /// What refunds and disputes had of it before.
    pub(in crate::audit) before: i64,
    pub(in crate::audit) told: bool,
}

/// What the other account knows of it.
pub(in crate::audit) struct MovedIn {
    pub(in crate::audit) payment: String,
    pub(in crate::audit) from: String,
    pub(in crate::audit) figures: Figures,
}

/// Moved, and of that taken and frozen by refunds and disputes.
pub(in crate::audit) type Figures = (i64, i64, i64);

impl Account {
    pub(super) fn check_moved(&self, wrong: &mut Vec<String>) {
        for MovedIn { payment, figures: (moved, taken, frozen), .. } in &self.moved_in {
            let prefix = format!("moved:in:{payment}");
            let sum = self.moved_sum(|key| key == prefix || key.starts_with(&format!("{prefix}:")));
            if sum != moved - taken {
                wrong.push(format!("of {payment} {moved} moved here less {taken}, and its entries sum up to {sum}"));
            }
            if *taken < 0 || *frozen < 0 || taken.saturating_add(*frozen) > *moved {
                wrong.push(format!("of {payment} {moved} moved here, {taken} are taken and {frozen} frozen"));
            }
        }
        for entry in self.entries.iter().filter(|entry| entry.kind == "moved") {
            let of = |payment: &str| entry.key.split(':').any(|part| part == payment);
            let known = self.moved_in.iter().any(|it| of(&it.payment)) || self.moves.iter().any(|it| of(&it.payment));
            if !known {
                wrong.push(format!("{} is the entry of a payment that never moved", entry.key));
            }
        }
    }

    /// What the account that a payment moved to bears of it.
    pub(in crate::audit) fn borne_there(&self, payment: &Payment) -> Figures {
        let Some(moved) = self.moves.iter().find(|it| it.payment == payment.key) else { return (0, 0, 0) };
        let share = (payment.taken + payment.frozen - moved.before).clamp(0, moved.moved.max(0));
        let taken = payment.taken.min(share);
        (moved.moved, taken, share - taken)
    }

    /// What left with a payment, as its entries here say it.
    pub(super) fn moved_out(&self, payment: &str) -> i64 {
        let keys = [format!("moved:{payment}"), format!("moved:back:{payment}")];
        self.moved_sum(|key| keys.iter().any(|known| known == key))
    }

    fn moved_sum(&self, of: impl Fn(&str) -> bool) -> i64 {
        self.entries.iter().filter(|entry| entry.kind == "moved" && of(&entry.key)).map(|entry| entry.amount).sum()
    }
}
