//! A payment that moves to the account that its payer has logged in to: once, what is left of it then, and nothing else of
//! the account. The account that was paid stays the payment's home. It decides what refunds and disputes take from which of
//! the two, and tells the other one absolute figures under a revision.

use serde::{Deserialize, Serialize};

use crate::account::payment::Share;
use crate::account::wallet::Wallet;
use crate::error::WalletError;
use crate::identity::AccountId;
use crate::money::{Cents, units};
use crate::sql::{Reader, SqlError};

/// What the home of a payment tells the account that it moved to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MovedPayment {
    /// The payment's key.
    pub payment: String,
    pub from: AccountId,
    /// So much has moved; it is nothing before, and one sum ever after.
    #[serde(with = "units")]
    pub moved: Cents,
    /// So much of that refunds and disputes have taken.
    #[serde(with = "units")]
    pub taken: Cents,
    /// And so much they may yet take.
    #[serde(with = "units")]
    pub frozen: Cents,
    /// Whoever paid had no right to, or it is not certain who did: the login by it ends.
    pub disowned: bool,
    pub revision: i64,
}

fn out_key(payment: &str) -> String {
    format!("moved:{payment}")
}

fn in_key(payment: &str) -> String {
    format!("moved:in:{payment}")
}

impl Wallet<'_> {
    /// Remembers where a payment's login begins, before anybody there hears of it. `false`: it began elsewhere, there is no
    /// such payment, or nobody may log in by it.
    pub fn head_for(&mut self, payment: &str, to: &AccountId) -> Result<bool, WalletError> {
        if self.is_disowned(payment)? {
            return Ok(false);
        }
        let revision = self.next_revision();
        let select = "SELECT to_account FROM payments WHERE key = ?";
        let Some(row) = self.sql.run(select, &[payment.into()])?.pop() else { return Ok(false) };
        match Reader::new(row).optional_account()? {
            Some(known) => return Ok(known == *to),
            None => self.sql.run(
                "UPDATE payments SET to_account = ?, revision = ? WHERE key = ?",
                &[to.as_str().into(), revision.into(), payment.into()],
            )?,
        };
        self.touch();
        Ok(true)
    }

    /// Moves what is left of a payment, and is here, to where its login began, unless the login is over. Repeated, it is the
    /// same move.
    pub fn move_payment(&mut self, key: &str) -> Result<(), WalletError> {
        let payment = self.payment_where("key", key)?.ok_or(WalletError::UnknownPayment)?;
        let (Some(to), None) = (&payment.to, payment.reversed_before) else { return Ok(()) };
        if self.is_disowned(key)? {
            return Ok(());
        }
        let left = payment.amount - payment.taken - payment.frozen;
        let moved = left.min(self.available()?.max(Cents::ZERO));
        if moved.is_positive() {
            self.write("moved", &out_key(key), -moved, Some(to.as_str()))?;
        }
        self.sql.run(
            "UPDATE payments SET moved = ?, reversed_before = ?, revision = ? WHERE key = ?",
            &[
                moved.units().into(),
                (payment.taken + payment.frozen).units().into(),
                self.next_revision().into(),
                key.into(),
            ],
        )?;
        self.touch_payment(key);
        Ok(())
    }

    /// Something is different about a payment; if it moved, the other account is to hear of it.
    pub(crate) fn touch_payment(&mut self, key: &str) {
        self.changed_payments.insert(key.to_owned());
        self.touch();
    }

    /// What other accounts are to hear about payments that changed here. Only the newest of each matters.
    pub fn moves_to_tell(&mut self) -> Result<Vec<(AccountId, MovedPayment)>, WalletError> {
        let mut moves = Vec::new();
        for key in std::mem::take(&mut self.changed_payments) {
            let Some(payment) = self.payment_where("key", &key)? else { continue };
            let disowned = self.is_disowned(&key)?;
            let Some(to) = payment.to.clone().filter(|_| disowned || payment.moved.is_positive()) else { continue };
            let Share { taken, frozen } = payment.borne_there(payment.reversed());
            let (from, moved, revision) = (self.account.id.clone(), payment.moved, payment.revision);
            moves.push((to, MovedPayment { payment: key, from, moved, taken, frozen, disowned, revision }));
        }
        Ok(moves)
    }

    /// The other account does not accept it: it comes back.
    pub fn refused_move(&mut self, key: &str) -> Result<(), WalletError> {
        let Some(payment) = self.payment_where("key", key)?.filter(|it| it.moved.is_positive()) else { return Ok(()) };
        let there = payment.borne_there(payment.reversed());
        let back = payment.moved - there.taken;
        self.write("moved", &format!("moved:back:{key}"), back, payment.to.as_ref().map(AccountId::as_str))?;
        self.freeze(there.frozen)?;
        self.sql.run(
            "UPDATE payments SET moved = 0, revision = ? WHERE key = ?",
            &[self.next_revision().into(), key.into()],
        )?;
        Ok(())
    }

    /// In the other account: books what a payment's home tells, the credit first. `false`: it is closed, and has never had
    /// any of it.
    pub fn receive(&mut self, message: &MovedPayment) -> Result<bool, WalletError> {
        let select = "SELECT moved, taken, frozen, revision FROM moved_in WHERE payment = ?";
        let known = self.sql.run(select, &[message.payment.as_str().into()])?.pop();
        let (moved, before, revision) = match known {
            Some(row) => {
                let mut row = Reader::new(row);
                let moved = row.cents()?;
                (moved, Share { taken: row.cents()?, frozen: row.cents()? }, row.integer()?)
            }
            None => (Cents::ZERO, Share { taken: Cents::ZERO, frozen: Cents::ZERO }, -1),
        };
        if self.account.closed && !moved.is_positive() && message.moved.is_positive() {
            return Ok(false);
        }
        if message.revision <= revision {
            return Ok(true);
        }
        let from = Some(message.from.as_str());
        if message.moved != moved {
            self.write("moved", &in_key(&message.payment), message.moved - moved, from)?;
        }
        if message.taken != before.taken {
            let key = format!("{}:{}", in_key(&message.payment), message.revision);
            self.write("moved", &key, before.taken - message.taken, from)?;
        }
        self.freeze(message.frozen - before.frozen)?;
        self.sql.run(
            "INSERT OR REPLACE INTO moved_in (payment, from_account, moved, taken, frozen, revision)
             VALUES (?, ?, ?, ?, ?, ?)",
            &[
                message.payment.as_str().into(),
                message.from.as_str().into(),
                message.moved.units().into(),
                message.taken.units().into(),
                message.frozen.units().into(),
                message.revision.into(),
            ],
        )?;
        if message.disowned {
            self.disown(&message.payment)?;
        }
        Ok(true)
    }

    /// What a payment claimed, and every login by it, is over: its payer was not entitled to it, or two browsers say that
    /// they are its payer's. That is final, also for what is not known here yet.
    pub fn disown(&mut self, payment: &str) -> Result<(), WalletError> {
        let insert = "INSERT INTO disowned (payment) VALUES (?) ON CONFLICT DO NOTHING RETURNING 1";
        if self.sql.run(insert, &[payment.into()])?.is_empty() {
            return Ok(());
        }
        // Whoever it was to move to hears of it.
        let update = "UPDATE payments SET revision = ? WHERE key = ?";
        self.sql.run(update, &[self.next_revision().into(), payment.into()])?;
        self.touch_payment(payment);
        self.revoke_what_a_payment_gave(payment)
    }

    pub(crate) fn is_disowned(&self, payment: &str) -> Result<bool, SqlError> {
        Ok(!self.sql.run("SELECT 1 FROM disowned WHERE payment = ?", &[payment.into()])?.is_empty())
    }
}

#[cfg(test)]
mod tests;
