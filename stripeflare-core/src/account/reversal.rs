//! Refunds and disputes: money that goes back, or may have to.

use serde::{Deserialize, Serialize};

use crate::account::wallet::Wallet;
use crate::error::WalletError;
use crate::money::{Cents, units};
use crate::sql::{Reader, Value};

/// All that is known of one refund or dispute. Facts about the same one are merged, so they may come in any order and
/// any number of times: each field only ever grows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reversal {
    pub kind: Kind,
    /// Stripe's id of the refund or dispute.
    pub id: String,
    /// What it is about.
    #[serde(with = "units")]
    pub amount: Cents,
    /// The money has left, or is about to.
    pub withdrawn: bool,
    /// So much of it came back.
    #[serde(with = "units")]
    pub returned: Cents,
    /// Nothing more is expected.
    pub closed: bool,
    /// Whoever paid had no right to: a dispute over fraud, or one that was lost. What the payment claimed is no longer claimed.
    #[serde(default)]
    pub disowned: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    Refund,
    Dispute,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Refund => "refund",
            Self::Dispute => "dispute",
        }
    }
}

impl Reversal {
    pub fn key(&self) -> String {
        format!("{}:{}", self.kind.name(), self.id)
    }

    fn merge(&self, known: &Self) -> Self {
        Self {
            amount: self.amount.max(known.amount),
            withdrawn: self.withdrawn || known.withdrawn,
            returned: self.returned.max(known.returned),
            closed: self.closed || known.closed,
            ..self.clone()
        }
    }

    /// What it takes from the account now.
    fn takes(&self) -> Cents {
        if self.withdrawn { (self.amount - self.returned).max(Cents::ZERO) } else { Cents::ZERO }
    }

    /// What it may yet take, and must stay there until it is decided.
    fn freezes(&self) -> Cents {
        if self.withdrawn || self.closed { Cents::ZERO } else { self.amount }
    }
}

/// A payment as far as it may go back.
struct Payment {
    key: String,
    amount: Cents,
    taken: Cents,
    frozen: Cents,
}

impl Wallet<'_> {
    /// Takes money back, gives it back again, or freezes it, as a fact about a refund or dispute says.
    /// All that is taken of one payment together is never more than was credited for it.
    ///
    /// # Errors
    /// [`WalletError::UnknownPayment`], if no such payment was credited here.
    pub fn reverse(&mut self, payment_intent: &str, fact: &Reversal) -> Result<(), WalletError> {
        let payment = self.payment(payment_intent)?.ok_or(WalletError::UnknownPayment)?;
        let reversal = match self.known(&fact.key())? {
            Some(known) => fact.merge(&known),
            None => fact.clone(),
        };
        self.sql.run(
            "INSERT INTO reversals (key, payment, amount, withdrawn, returned, closed, takes, freezes)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?)
             ON CONFLICT (key) DO UPDATE SET amount = excluded.amount, withdrawn = excluded.withdrawn,
             returned = excluded.returned, closed = excluded.closed, takes = excluded.takes, freezes = excluded.freezes",
            &[
                reversal.key().into(),
                payment.key.as_str().into(),
                reversal.amount.units().into(),
                i64::from(reversal.withdrawn).into(),
                reversal.returned.units().into(),
                i64::from(reversal.closed).into(),
                reversal.takes().units().into(),
                reversal.freezes().units().into(),
            ],
        )?;

        let (takes, freezes) = self.claims_on(&payment)?;
        let taken = takes.min(payment.amount);
        let frozen = freezes.min(payment.amount - taken);
        self.sql.run(
            "UPDATE payments SET taken = ?, frozen = ?, revision = ? WHERE key = ?",
            &[taken.units().into(), frozen.units().into(), self.next_revision().into(), payment.key.as_str().into()],
        )?;
        if taken != payment.taken {
            let mut key = format!("{}:{}", reversal.key(), reversal.takes().units());
            // Its claim rises once and then only falls, unless Stripe raises what a dispute is about.
            if self.amount_of(&key)?.is_some() {
                key = format!("{key}.{}", self.next_revision());
            }
            self.write(reversal.kind.name(), &key, payment.taken - taken, Some(payment_intent))?;
        }
        self.freeze(frozen - payment.frozen)?;
        if fact.disowned {
            self.disown(&payment.key)?;
        }
        Ok(())
    }

    /// The revision that saving this wallet makes.
    pub(crate) fn next_revision(&self) -> i64 {
        self.account.revision + 1
    }

    fn payment(&self, payment_intent: &str) -> Result<Option<Payment>, WalletError> {
        let select = "SELECT key, amount, taken, frozen FROM payments WHERE payment_intent = ?";
        let Some(row) = self.sql.run(select, &[payment_intent.into()])?.pop() else { return Ok(None) };
        let mut row = Reader::new(row);
        Ok(Some(Payment { key: row.text()?, amount: row.cents()?, taken: row.cents()?, frozen: row.cents()? }))
    }

    fn known(&self, key: &str) -> Result<Option<Reversal>, WalletError> {
        let select = "SELECT amount, withdrawn, returned, closed FROM reversals WHERE key = ?";
        let Some(row) = self.sql.run(select, &[key.into()])?.pop() else { return Ok(None) };
        let mut row = Reader::new(row);
        Ok(Some(Reversal {
            // Neither is looked at: `merge` keeps those of the new fact.
            kind: Kind::Refund,
            id: String::new(),
            amount: row.cents()?,
            withdrawn: row.integer()? != 0,
            returned: row.cents()?,
            closed: row.integer()? != 0,
            disowned: false,
        }))
    }

    /// What all reversals of a payment together take and freeze.
    fn claims_on(&self, payment: &Payment) -> Result<(Cents, Cents), WalletError> {
        let rows = self
            .sql
            .run("SELECT takes, freezes FROM reversals WHERE payment = ?", &[Value::Text(payment.key.clone())])?;
        let mut sums = (Cents::ZERO, Cents::ZERO);
        for row in rows {
            let mut row = Reader::new(row);
            sums.0 = sums.0.checked_add(row.cents()?).ok_or(WalletError::Overflow)?;
            sums.1 = sums.1.checked_add(row.cents()?).ok_or(WalletError::Overflow)?;
        }
        Ok(sums)
    }
}
