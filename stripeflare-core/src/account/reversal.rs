//! Refunds and disputes: money that goes back, or may have to.

use serde::{Deserialize, Serialize};

use crate::account::payment::{Payment, Share};
use crate::account::wallet::Wallet;
use crate::error::WalletError;
use crate::money::{Cents, units};
use crate::sql::{Reader, Value};

/// How Stripe told that one refund or dispute stands. Of two facts about the same one the newer holds, whichever came first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reversal {
    pub kind: Kind,
    /// Stripe's id of the refund or dispute.
    pub id: String,
    /// What it is about.
    #[serde(with = "units")]
    pub amount: Cents,
    /// So much of it has left, or is about to, and did not come back.
    #[serde(with = "units")]
    pub taken: Cents,
    /// Nothing more is expected.
    pub closed: bool,
    /// How often its money has moved by then. That is never undone, so it tells the order better than the time.
    pub moves: u32,
    /// When Stripe said so, in seconds.
    pub at: i64,
    /// Whoever paid had no right to: a dispute or refund over fraud, or a dispute that was lost. What the payment claimed is no longer claimed.
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

    /// By which facts are put in order. What was said in one second and moved nothing has no other order: the end comes last.
    fn order(&self) -> (u32, i64, bool, Cents, Cents) {
        (self.moves, self.at, self.closed, self.taken, self.amount)
    }

    pub fn is_newer_than(&self, known: &Self) -> bool {
        self.order() > known.order()
    }
}

impl Wallet<'_> {
    /// Takes money back, gives it back again, or freezes it, as a fact about a refund or dispute says.
    /// All that is taken of one payment together is the part of its credit that its refunds and disputes are of what was paid.
    ///
    /// # Errors
    /// [`WalletError::UnknownPayment`], if no such payment was credited here.
    pub fn reverse(&mut self, payment_intent: &str, fact: &Reversal) -> Result<(), WalletError> {
        let payment = self.payment(payment_intent)?.ok_or(WalletError::UnknownPayment)?;
        if fact.disowned {
            self.disown(&payment.key)?;
        }
        if self.known(fact)?.is_some_and(|known| !fact.is_newer_than(&known)) {
            return Ok(());
        }
        self.sql.run(
            "INSERT OR REPLACE INTO reversals (key, payment, amount, taken, closed, moves, at)
             VALUES (?, ?, ?, ?, ?, ?, ?)",
            &[
                fact.key().into(),
                payment.key.as_str().into(),
                fact.amount.units().into(),
                fact.taken.units().into(),
                i64::from(fact.closed).into(),
                i64::from(fact.moves).into(),
                fact.at.into(),
            ],
        )?;

        let (takes, freezes) = self.claims_on(&payment)?;
        let taken = payment.part(takes);
        let frozen = payment.part(takes + freezes) - taken;
        self.sql.run(
            "UPDATE payments SET taken = ?, frozen = ?, revision = ? WHERE key = ?",
            &[taken.units().into(), frozen.units().into(), self.next_revision().into(), payment.key.as_str().into()],
        )?;
        self.touch_payment(&payment.key);
        let (before, after) = (payment.borne_here(payment.reversed()), payment.borne_here(Share { taken, frozen }));
        if after.taken != before.taken {
            let mut key = format!("{}:{}", fact.key(), fact.taken.units());
            // It may have taken as much before.
            if self.amount_of(&key)?.is_some() {
                key = format!("{key}.{}", self.next_revision());
            }
            self.write(fact.kind.name(), &key, before.taken - after.taken, Some(payment_intent))?;
        }
        self.freeze(after.frozen - before.frozen)
    }

    /// The revision that saving this wallet makes.
    pub(crate) fn next_revision(&self) -> i64 {
        self.account.revision + 1
    }

    /// What is known of the same refund or dispute.
    fn known(&self, fact: &Reversal) -> Result<Option<Reversal>, WalletError> {
        let select = "SELECT amount, taken, closed, moves, at FROM reversals WHERE key = ?";
        let Some(row) = self.sql.run(select, &[fact.key().into()])?.pop() else { return Ok(None) };
        let mut row = Reader::new(row);
        Ok(Some(Reversal {
            amount: row.cents()?,
            taken: row.cents()?,
            closed: row.integer()? != 0,
            moves: u32::try_from(row.integer()?).unwrap_or(u32::MAX),
            at: row.integer()?,
            ..fact.clone()
        }))
    }

    /// What all reversals of a payment together take and freeze of what was paid.
    fn claims_on(&self, payment: &Payment) -> Result<(i128, i128), WalletError> {
        let select =
            "SELECT taken, CASE closed WHEN 0 THEN MAX(amount - taken, 0) ELSE 0 END FROM reversals WHERE payment = ?";
        let mut sums = (0, 0);
        for row in self.sql.run(select, &[Value::Text(payment.key.clone())])? {
            let mut row = Reader::new(row);
            sums.0 += i128::from(row.integer()?);
            sums.1 += i128::from(row.integer()?);
        }
        Ok(sums)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::Credit;
    use crate::identity::AccountId;
    use crate::schema::{Schema, migrate};
    use crate::sql::Sql;
    use crate::tables::Role;
    use crate::testing::database;

    const SCHEMA: Schema = Schema::of::<()>();

    /// An account that was credited so much of what was paid.
    fn account(credited: i64, paid: i64) -> rusqlite::Connection {
        let sql = database();
        migrate(&sql, Role::Account, &SCHEMA).unwrap();
        let account = AccountId::from_hash(&[7; 32]);
        let (amount, paid) = (Cents::new(credited), Some(Cents::new(paid)));
        let mut wallet = Wallet::load_or_register(&sql, &SCHEMA, 1, &account).unwrap();
        let credit = Credit {
            account,
            key: "cs".into(),
            amount,
            paid,
            payment_intent: Some("pi".into()),
            payer: Default::default(),
        };
        wallet.credit(&credit).unwrap();
        wallet.save().unwrap();
        sql
    }

    fn refund(id: &str, cents: i64) -> Reversal {
        let amount = Cents::new(cents);
        let (kind, id) = (Kind::Refund, id.to_owned());
        Reversal { kind, id, amount, taken: amount, closed: false, moves: 0, at: 1, disowned: false }
    }

    fn dispute(id: &str, cents: i64, taken: i64, moves: u32) -> Reversal {
        Reversal { kind: Kind::Dispute, taken: Cents::new(taken), moves, ..refund(id, cents) }
    }

    /// What is taken and frozen of the credit after a fact, in cents.
    fn after(sql: &rusqlite::Connection, fact: &Reversal) -> (i64, i64) {
        let mut wallet = Wallet::load(sql, &SCHEMA, 2).unwrap().unwrap();
        wallet.reverse("pi", fact).unwrap();
        wallet.save().unwrap();
        let row = sql.run("SELECT taken / 10000, frozen / 10000 FROM payments", &[]).unwrap().remove(0);
        let mut row = Reader::new(row);
        (row.integer().unwrap(), row.integer().unwrap())
    }

    #[test]
    fn of_a_payment_with_tax_the_same_part_of_the_credit_goes_back() {
        let sql = account(52, 62);
        assert_eq!(after(&sql, &refund("re_1", 32)), (27, 0));
        assert_eq!(after(&sql, &dispute("du_1", 15, 0, 0)), (27, 12), "47 of 62 are 39 of 52");
        assert_eq!(after(&sql, &dispute("du_1", 15, 15, 1)), (39, 0));
        assert_eq!(after(&sql, &refund("re_2", 15)), (52, 0));
        let entries = sql.run("SELECT amount / 10000 FROM entries WHERE amount < 0 ORDER BY -amount", &[]).unwrap();
        assert_eq!(entries, [[Value::Integer(-12)], [Value::Integer(-13)], [Value::Integer(-27)]], "the differences");
        assert_eq!(after(&account(52, 62), &refund("re", 62)), (52, 0));
        assert_eq!(after(&account(52, 62), &refund("re", 1_000)), (52, 0));
    }

    #[test]
    fn halves_are_rounded_up_and_many_small_refunds_are_as_one() {
        assert_eq!(after(&account(1, 2), &refund("re", 1)), (1, 0));
        assert_eq!(after(&account(49, 100), &refund("re", 1)), (0, 0));
        assert_eq!(after(&account(50, 100), &refund("re", 1)), (1, 0));
        let (credited, paid) = (811, 1_000);
        let sql = account(credited, paid);
        for number in 1..=paid {
            let taken = (2 * credited * number + paid) / (2 * paid);
            assert_eq!(after(&sql, &refund(&format!("re_{number}"), 1)), (taken, 0));
        }
    }

    #[test]
    fn the_newest_fact_holds_in_any_order_of_arrival() {
        let closed = |fact: Reversal| Reversal { closed: true, ..fact };
        let story = [
            dispute("du", 10, 0, 0),
            dispute("du", 10, 10, 1),
            closed(dispute("du", 10, 0, 2)),
            // Lost after all, when it had been won.
            closed(dispute("du", 10, 10, 3)),
        ];
        for first in 0..4 {
            for second in 0..4 {
                for third in 0..4 {
                    let sql = account(20, 20);
                    let told = [first, second, third];
                    let newest = told.iter().max().unwrap();
                    let [.., last] = told.map(|number| after(&sql, &story[number]));
                    assert_eq!(last, [(0, 10), (10, 0), (0, 0), (10, 0)][*newest], "{told:?}");
                }
            }
        }
    }
}
