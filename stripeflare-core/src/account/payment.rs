use serde::{Deserialize, Serialize};

use crate::account::wallet::Wallet;
use crate::error::WalletError;
use crate::identity::AccountId;
use crate::money::{Cents, units};
use crate::sql::{Reader, Row, SqlError};

/// A payment that arrived.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Credit {
    pub account: AccountId,
    /// Hash of the Checkout Session's id.
    pub key: String,
    #[serde(with = "units")]
    pub amount: Cents,
    /// What was paid, in the same currency, where tax or shipping make it more than is credited.
    pub paid: Option<Cents>,
    pub payment_intent: Option<String>,
    pub payer: Payer,
}

/// Who paid, as typed into the checkout form: nobody has verified it, and only the operator sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payer {
    pub name: Option<String>,
    pub email: Option<String>,
}

/// What refunds and disputes take and freeze in one of the two accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Share {
    pub(crate) taken: Cents,
    pub(crate) frozen: Cents,
}

/// A payment as far as it may go back.
pub(crate) struct Payment {
    pub(crate) key: String,
    /// What was credited.
    pub(crate) amount: Cents,
    /// What was paid, with tax and shipping.
    paid: Cents,
    /// By refunds and disputes, wherever the money is by now.
    pub(crate) taken: Cents,
    pub(crate) frozen: Cents,
    pub(crate) revision: i64,
    /// The account that a login by it began in.
    pub(crate) to: Option<AccountId>,
    /// So much of it went there.
    pub(crate) moved: Cents,
    /// What was taken and frozen when it moved; `None`: it has not moved.
    pub(crate) reversed_before: Option<Cents>,
}

impl Payment {
    /// What the account that it moved to bears of so much taken and frozen: all that came after it moved, as far as what
    /// moved goes.
    pub(crate) fn borne_there(&self, all: Share) -> Share {
        let since = all.taken + all.frozen - self.reversed_before.unwrap_or(Cents::ZERO);
        let share = since.clamp(Cents::ZERO, self.moved);
        let taken = all.taken.min(share);
        Share { taken, frozen: share - taken }
    }

    /// The rest, which is borne here.
    pub(crate) fn borne_here(&self, all: Share) -> Share {
        let there = self.borne_there(all);
        Share { taken: all.taken - there.taken, frozen: all.frozen - there.frozen }
    }

    pub(crate) const COLUMNS: &str = "key, amount, paid, taken, frozen, revision, to_account, moved, reversed_before";

    pub(crate) fn read(row: Row) -> Result<Self, SqlError> {
        let mut row = Reader::new(row);
        Ok(Self {
            key: row.text()?,
            amount: row.cents()?,
            paid: row.cents()?,
            taken: row.cents()?,
            frozen: row.cents()?,
            revision: row.integer()?,
            to: row.optional_account()?,
            moved: row.cents()?,
            reversed_before: row.optional_cents()?,
        })
    }

    pub(crate) fn reversed(&self) -> Share {
        Share { taken: self.taken, frozen: self.frozen }
    }

    /// What goes back of the credit when so many ten-thousandths of a cent of the payment do: the same part of it, in whole
    /// cents, halves up.
    pub(crate) fn part(&self, back: i128) -> Cents {
        let (credited, paid) = (i128::from(self.amount.units()), i128::from(self.paid.units()));
        let part = if back >= paid {
            credited
        } else if paid == credited {
            back
        } else {
            let cent = i128::from(Cents::new(1).units());
            (2 * credited * back + paid * cent) / (2 * paid * cent) * cent
        };
        i64::try_from(part.min(credited)).map_or(self.amount, Cents::from_units)
    }
}

impl Wallet<'_> {
    /// Credits a payment; `false` when it was credited before.
    pub fn credit(&mut self, credit: &Credit) -> Result<bool, WalletError> {
        assert!(credit.amount.is_positive(), "a credit is for more than nothing");
        let key = format!("credit:{}", credit.key);
        if self.amount_of(&key)?.is_some() {
            return Ok(false);
        }
        self.write("credit", &key, credit.amount, credit.payment_intent.as_deref())?;
        let paid = credit.paid.map_or(credit.amount, |paid| paid.max(credit.amount));
        // An account that its owner has ended forgets who pays into it all the same.
        let payer = if self.account.closed { &Payer::default() } else { &credit.payer };
        self.sql.run(
            "INSERT INTO payments (key, payment_intent, amount, paid, at, revision, payer_name, payer_email)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            &[
                credit.key.as_str().into(),
                credit.payment_intent.clone().into(),
                credit.amount.units().into(),
                paid.units().into(),
                self.now.into(),
                self.next_revision().into(),
                payer.name.clone().into(),
                payer.email.clone().into(),
            ],
        )?;
        Ok(true)
    }

    pub(crate) fn payment(&self, payment_intent: &str) -> Result<Option<Payment>, WalletError> {
        self.payment_where("payment_intent", payment_intent)
    }

    /// `column` is one of ours, never a stranger's text.
    pub(crate) fn payment_where(&self, column: &'static str, value: &str) -> Result<Option<Payment>, WalletError> {
        let select = format!("SELECT {} FROM payments WHERE {column} = ?", Payment::COLUMNS);
        Ok(self.sql.run(&select, &[value.into()])?.pop().map(Payment::read).transpose()?)
    }
}
