//! What was paid, and what refunds and disputes took of it.

use std::collections::{BTreeMap, BTreeSet};

use super::{Account, Entry, Payment, Reversal};

impl Account {
    pub(super) fn check_payments(&self, wrong: &mut Vec<String>) {
        let credits: BTreeMap<&str, &Entry> = self
            .entries
            .iter()
            .filter(|entry| entry.kind == "credit")
            .map(|entry| (entry.key.trim_start_matches("credit:"), entry))
            .collect();
        let payments: BTreeMap<&str, &Payment> = self.payments.iter().map(|it| (it.key.as_str(), it)).collect();
        if payments.len() != self.payments.len() {
            wrong.push("two payments have one key".into());
        }
        for (key, credit) in &credits {
            match payments.get(key) {
                None => wrong.push(format!("the credit {key} has no payment")),
                Some(payment) if payment.amount != credit.amount || payment.payment_intent != credit.detail => {
                    wrong.push(format!("the credit {key} and its payment differ"));
                }
                Some(_) => {}
            }
        }
        for payment in &self.payments {
            if !credits.contains_key(payment.key.as_str()) {
                wrong.push(format!("the payment {} has no credit", payment.key));
            }
            self.check_reversals_of(payment, wrong);
        }
        let here = self.payments.iter().map(|payment| payment.frozen - self.borne_there(payment).2);
        let frozen: i128 = here.chain(self.moved_in.iter().map(|it| it.figures.2)).map(i128::from).sum();
        if frozen != i128::from(self.frozen) {
            wrong.push(format!("{} is frozen, and {frozen} of its payments", self.frozen));
        }
        for reversal in &self.reversals {
            let Reversal { key, amount, taken, .. } = reversal;
            if *taken < 0 || taken > amount {
                wrong.push(format!("{key} is about {amount} and takes {taken}"));
            }
            if !payments.contains_key(reversal.payment.as_str()) {
                wrong.push(format!("{key} is about a payment that is not here"));
            }
        }
        let known: BTreeSet<&str> = self.reversals.iter().map(|reversal| reversal.key.as_str()).collect();
        for entry in self.entries.iter().filter(|entry| matches!(entry.kind.as_str(), "refund" | "dispute")) {
            let reversal = entry.key.rsplit_once(':').map_or("", |(reversal, _)| reversal);
            if !known.contains(reversal) {
                wrong.push(format!("{} is the entry of a reversal that is not here", entry.key));
            }
        }
    }

    fn check_reversals_of(&self, payment: &Payment, wrong: &mut Vec<String>) {
        let Payment { key, amount, taken, frozen, .. } = payment;
        let paid = self.paid.get(key).copied().unwrap_or(*amount);
        if *taken < 0 || *frozen < 0 || taken.saturating_add(*frozen) > *amount {
            wrong.push(format!("of the payment {key} of {amount}, {taken} are taken and {frozen} frozen"));
        }
        let of = |claim: fn(&Reversal) -> i64| -> i64 {
            self.reversals.iter().filter(|reversal| reversal.payment == *key).map(claim).sum()
        };
        // The part of the credit that goes back with a part of what was paid, in whole cents.
        let part = |back: i64| -> i64 {
            if paid == *amount || back >= paid {
                return back.min(*amount);
            }
            let (credited, paid, back) = (i128::from(*amount), i128::from(paid), i128::from(back));
            let cents = (2 * credited * back + 10_000 * paid).div_euclid(20_000 * paid);
            i64::try_from(cents * 10_000).unwrap_or(i64::MAX).min(*amount)
        };
        let (takes, freezes) = (of(|reversal| reversal.taken), of(Reversal::freezes));
        let should_take = part(takes);
        if *taken != should_take {
            wrong.push(format!("of the payment {key}, {taken} are taken and its reversals take {should_take}"));
        }
        let should_freeze = part(takes + freezes) - should_take;
        if *frozen != should_freeze {
            wrong.push(format!("of the payment {key}, {frozen} are frozen and its reversals freeze {should_freeze}"));
        }
        let Some(payment_intent) = &payment.payment_intent else { return };
        let entries = self.entries.iter().filter(|entry| matches!(entry.kind.as_str(), "refund" | "dispute"));
        let sum: i64 =
            entries.filter(|entry| entry.detail.as_ref() == Some(payment_intent)).map(|entry| entry.amount).sum();
        // What moved bears its part where it is.
        let (moved, there, _) = self.borne_there(payment);
        let sum = sum + self.moved_out(key);
        if sum != there - taken - moved {
            wrong.push(format!(
                "of the payment {key}, {taken} are taken, {moved} moved, and its entries sum up to {sum}"
            ));
        }
    }
}
