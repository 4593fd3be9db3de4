//! What an account tells the aggregate: always its newest state with its revision, so that a lost message is made up for
//! by the next and a repeated one changes nothing. A hundred charges between two messages are one.

use serde::{Deserialize, Serialize};

use crate::account::payment::Payer;
use crate::account::row::AccountRow;
use crate::account::usage::Usage;
use crate::account::wallet::Wallet;
use crate::clock::{DAY_MS, Millis};
use crate::error::WalletError;
use crate::identity::AccountId;
use crate::money::{Cents, units};
use crate::sql::{Reader, Row, SqlError, read_all};

/// Payments one message carries at most; the rest follow in the next.
const BATCH: i64 = 100;

/// How far a clock may go back.
const CLOCK_MS: Millis = 60 * 60 * 1_000;

/// One message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    pub account: AccountRow,
    pub payments: Vec<SentPayment>,
    /// The revision up to which the message tells everything.
    pub(crate) revision: i64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SentPayment {
    pub key: String,
    pub payment_intent: Option<String>,
    #[serde(with = "units")]
    pub amount: Cents,
    #[serde(with = "units")]
    pub taken: Cents,
    #[serde(with = "units")]
    pub frozen: Cents,
    /// Whether a refund or dispute of it has not ended.
    pub open: bool,
    pub at: Millis,
    pub revision: i64,
    pub payer: Payer,
    /// The account that a login by it began in.
    pub to: Option<AccountId>,
    /// So much of it went there.
    #[serde(with = "units")]
    pub moved: Cents,
}

impl Wallet<'_> {
    /// What the aggregate does not know yet.
    pub fn unsent(&self) -> Result<Option<Snapshot>, WalletError> {
        if !self.account.is_unsent() {
            return Ok(None);
        }
        let rows = self.sql.run(
            "SELECT key, payment_intent, amount, taken, frozen,
             EXISTS (SELECT 1 FROM reversals WHERE payment = payments.key AND closed = 0), at, revision, payer_name,
             payer_email, to_account, moved FROM payments
             WHERE revision > ? ORDER BY revision LIMIT ?",
            &[self.account.sent_revision.into(), BATCH.into()],
        )?;
        let full = rows.len() == BATCH as usize;
        let payments = read_all(rows, SentPayment::read)?;
        // Payments of one revision are one, so the last one told is the end of the message.
        let revision = match payments.last() {
            Some(last) if full => last.revision,
            _ => self.account.revision,
        };
        Ok(Some(Snapshot { account: self.account.clone(), payments, revision }))
    }

    /// Remembers what the aggregate was told, and forgets the totals of days that are over. It is written with the next group.
    pub fn sent(&mut self, snapshot: &Snapshot) {
        // Whoever counts a day anew tells less of it than is known.
        let today = (self.now - CLOCK_MS).div_euclid(DAY_MS);
        let is_over = |usage: &Usage| usage.day < today && snapshot.account.usage.contains(usage);
        let (over, usage) = std::mem::take(&mut self.account.usage).into_iter().partition(is_over);
        self.account.usage = usage;
        self.account.sent_revision = self.account.sent_revision.max(snapshot.revision);
        self.known.pending.tell(self.account.sent_revision, over, self.now);
    }
}

impl SentPayment {
    fn read(row: Row) -> Result<Self, SqlError> {
        let mut row = Reader::new(row);
        Ok(Self {
            key: row.text()?,
            payment_intent: row.optional_text()?,
            amount: row.cents()?,
            taken: row.cents()?,
            frozen: row.cents()?,
            open: row.integer()? != 0,
            at: row.integer()?,
            revision: row.integer()?,
            payer: Payer { name: row.optional_text()?, email: row.optional_text()? },
            to: row.optional_account()?,
            moved: row.cents()?,
        })
    }
}

#[cfg(test)]
mod tests;
