//! Cards, and what is between an account and the one that it went into.

use std::collections::BTreeMap;

use super::Account;
use crate::audit::Audit;

impl Account {
    /// What left this account is one entry and one row each.
    pub(super) fn check_transfers(&self, wrong: &mut Vec<String>) {
        let out = self.entries.iter().filter_map(|entry| {
            let n = entry.key.strip_prefix("transfer:out:")?.parse::<i64>().ok()?;
            Some((n, entry.amount))
        });
        let out: BTreeMap<i64, i64> = out.collect();
        let rows: BTreeMap<i64, i64> = self.transfers.iter().map(|it| (it.n, it.amount.saturating_neg())).collect();
        if out != rows {
            wrong.push(format!("its entries say that {out:?} left it, its transfers {rows:?}"));
        }
        if !out.is_empty() && self.merged_into.is_none() {
            wrong.push("it went into no account, and something left it".into());
        }
    }

    pub(super) fn check_cards(&self, wrong: &mut Vec<String>) {
        for card in &self.cards {
            if !matches!(card.state.as_str(), "claiming" | "owned" | "releasing") {
                wrong.push(format!("its card {} is {}", card.label, card.state));
            }
            if card.state == "owned" && self.disowned.contains(&card.payment) {
                wrong.push(format!("it owns {} by a payment that was disowned", card.label));
            }
        }
    }

    /// What an account has still to do about its cards, and about the account that it went into.
    pub(super) fn check_rest(&self, now: i64, audit: &mut Audit) {
        for card in self.cards.iter().filter(|card| card.state != "owned" || self.merged_into.is_some()) {
            audit.unfinished(&self.id, format!("its card {} is {} still", card.label, card.state));
        }
        for transfer in self.transfers.iter().filter(|transfer| !transfer.arrived) {
            audit.unfinished(&self.id, format!("it has not heard that {} arrived as {}", transfer.amount, transfer.n));
        }
        if self.merged_into.is_none() {
            return;
        }
        if self.untold > 0 {
            audit.unfinished(&self.id, format!("{} disowned payments are not passed on", self.untold));
        }
        let held: i64 = self.holds.iter().filter(|hold| hold.expires_at > now).map(|hold| hold.amount).sum();
        if self.balance.saturating_sub(self.frozen) != held {
            let free = self.balance.saturating_sub(self.frozen).saturating_sub(held);
            audit.unfinished(&self.id, format!("it went into another account, and {free} is free in it"));
        }
    }
}
