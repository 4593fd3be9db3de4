//! A payment that moves to the account that its payer has logged in to: once, what is left of it then, and nothing else of
//! the account. The account that was paid stays the payment's home. It decides what refunds and disputes take from which of
//! the two, and tells the other one absolute figures under a revision, until that has acknowledged the newest.

use serde::{Deserialize, Serialize};

use crate::account::reversal::Payment;
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

/// What refunds and disputes take and freeze in one of the two accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Share {
    pub(crate) taken: Cents,
    pub(crate) frozen: Cents,
}

impl Payment {
    /// What the account that it moved to bears of so much taken and frozen: all that came after it moved, as far as what
    /// moved goes.
    fn borne_there(&self, all: Share) -> Share {
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
                "UPDATE payments SET to_account = ?, revision = ?, told = ? WHERE key = ?",
                &[to.as_str().into(), revision.into(), revision.into(), payment.into()],
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
        self.touch();
        Ok(())
    }

    /// Some of what other accounts have yet to hear about payments that moved there.
    pub fn untold_moves(&self, most: usize) -> Result<Vec<(AccountId, MovedPayment)>, WalletError> {
        let select = format!(
            "SELECT {} FROM payments WHERE to_account IS NOT NULL AND revision > told ORDER BY revision LIMIT ?",
            Payment::COLUMNS
        );
        let rows = self.sql.run(&select, &[(most as i64).into()])?;
        let mut moves = Vec::new();
        for row in rows {
            let payment = Payment::read(row)?;
            let Some(to) = payment.to.clone() else { continue };
            let share = payment.borne_there(payment.reversed());
            let disowned = self.is_disowned(&payment.key)?;
            let (from, moved, revision) = (self.account.id.clone(), payment.moved, payment.revision);
            let (taken, frozen) = (share.taken, share.frozen);
            moves.push((to, MovedPayment { payment: payment.key, from, moved, taken, frozen, disowned, revision }));
        }
        Ok(moves)
    }

    /// The other account has answered a message; what it did not accept comes back.
    pub fn told_move(&mut self, moved: &MovedPayment, accepted: bool) -> Result<(), WalletError> {
        let Some(payment) = self.payment_where("key", &moved.payment)? else { return Ok(()) };
        self.sql.run(
            "UPDATE payments SET told = MAX(told, ?) WHERE key = ?",
            &[moved.revision.into(), moved.payment.as_str().into()],
        )?;
        if accepted || !payment.moved.is_positive() {
            return Ok(());
        }
        let there = payment.borne_there(payment.reversed());
        let back = payment.moved - there.taken;
        self.write("moved", &format!("moved:back:{}", payment.key), back, payment.to.as_ref().map(AccountId::as_str))?;
        self.freeze(there.frozen)?;
        let revision = self.next_revision();
        // It was told that nothing moved, which is what it has.
        self.sql.run(
            "UPDATE payments SET moved = 0, revision = ?, told = ? WHERE key = ?",
            &[revision.into(), revision.into(), payment.key.into()],
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
        self.touch();
        self.revoke_what_a_payment_gave(payment)
    }

    pub(crate) fn is_disowned(&self, payment: &str) -> Result<bool, SqlError> {
        Ok(!self.sql.run("SELECT 1 FROM disowned WHERE payment = ?", &[payment.into()])?.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::Taken;
    use crate::account::hold::HoldId;
    use crate::account::reversal::Reversal;
    use crate::scene::{SCHEMA, Scene, WAIT, dispute, lost, refund, won};

    /// What happens, and what becomes of the money of A and of B.
    type Fact = (Reversal, (i64, i64), (i64, i64));

    /// A, which was paid by a card of B, and B, which has 100 cents of its own.
    fn paid(cents: i64) -> (Scene, Scene) {
        let (a, b) = (Scene::new(1, 5), Scene::with_card(2, 100));
        a.spend("own", 5);
        a.pay("p", cents);
        (a, b)
    }

    fn log_in(a: &Scene, b: &Scene) {
        assert!(a.act(|wallet| wallet.head_for("p", &b.id)));
        b.log_in("p", "phone", "first");
    }

    /// What A has to tell, and what B answers.
    fn tell(a: &Scene, b: &Scene) {
        for (to, message) in a.act(|wallet| wallet.untold_moves(9)) {
            assert_eq!(to, b.id);
            let accepted = b.act(|wallet| wallet.receive(&message));
            a.act(|wallet| wallet.told_move(&message, accepted));
        }
        assert_eq!(a.act(|wallet| wallet.untold_moves(9)), []);
    }

    fn switch(a: &Scene, b: &Scene) {
        log_in(a, b);
        a.act(|wallet| wallet.move_payment("p"));
        tell(a, b);
    }

    #[test]
    fn what_is_left_of_a_payment_moves_once() {
        let (a, b) = paid(50);
        a.pay("other", 7);
        a.spend("lunch", 20);
        a.reverse("p", &refund("re", 4));
        switch(&a, &b);
        // 46 were left of the payment, and 33 of the money.
        assert_eq!((a.money(), b.money()), ((0, 0), (133, 133)));
        a.pay("later", 30);
        a.act(|wallet| wallet.move_payment("p"));
        tell(&a, &b);
        assert_eq!((a.money(), b.money()), ((30, 30), (133, 133)));

        let (a, b) = paid(50);
        a.pay("other", 7);
        a.act(|wallet| wallet.reserve(&HoldId::generate(a.now.get()), Cents::new(20), 600)).unwrap();
        a.reverse("p", &dispute("du", 12));
        switch(&a, &b);
        assert_eq!((a.money(), b.money()), ((32, 0), (125, 125)), "what is held and frozen stays");

        let (a, b) = paid(50);
        a.spend("all", 50);
        a.pay("other", 7);
        a.reverse("other", &refund("re", 7));
        a.reverse("p", &dispute("du", 10));
        switch(&a, &b);
        assert_eq!((a.money(), b.money()), ((0, -10), (100, 100)), "nothing is left, which moves once, too");
        a.pay("later", 30);
        a.act(|wallet| wallet.move_payment("p"));
        assert_eq!(a.money(), (30, 20));
    }

    #[test]
    fn a_payment_heads_for_one_account_and_only_if_it_may() {
        let (a, b) = paid(50);
        assert!(!a.act(|wallet| wallet.head_for("unknown", &b.id)));
        for _ in 0..2 {
            assert!(a.act(|wallet| wallet.head_for("p", &b.id)));
        }
        assert!(!a.act(|wallet| wallet.head_for("p", &Scene::new(3, 1).id)));
        assert_eq!(a.act(|wallet| wallet.untold_moves(9)), [], "nothing has happened yet");
        a.act(|wallet| wallet.disown("own"));
        assert!(!a.act(|wallet| wallet.head_for("own", &b.id)));
        a.act(|wallet| wallet.disown("p"));
        assert!(!a.act(|wallet| wallet.head_for("p", &b.id)));
    }

    #[test]
    fn b_bears_what_went_there_and_a_the_rest() {
        // 50 were paid, 30 are left and move. Money of A and B after each fact: balance and available, less what they had.
        let facts = [
            (refund("re", 10), (0, 0), (-10, -10)),
            (dispute("du", 40), (0, -20), (-10, -30)),
            (lost(&dispute("du", 40)), (-20, -20), (-30, -30)),
        ];
        check(20, &facts);
        let facts = [
            (dispute("du", 50), (0, -20), (0, -30)),
            (won(&dispute("du", 50)), (0, 0), (0, 0)),
            (refund("re", 50), (-20, -20), (-30, -30)),
            (Reversal { taken: Cents::ZERO, closed: true, moves: 2, ..refund("re", 50) }, (0, 0), (0, 0)),
        ];
        check(20, &facts);
        // Nothing was spent.
        check(0, &[(dispute("du", 50), (0, 0), (0, -50)), (lost(&dispute("du", 50)), (0, 0), (-50, -50))]);
        // All was.
        check(50, &[(dispute("du", 50), (0, -50), (0, 0)), (lost(&dispute("du", 50)), (-50, -50), (0, 0))]);
    }

    fn check(spent: i64, facts: &[Fact]) {
        let (a, b) = paid(50);
        if spent > 0 {
            a.spend("lunch", spent);
        }
        switch(&a, &b);
        let (before_a, before_b) = (a.money(), b.money());
        assert_eq!((before_a, before_b), ((0, 0), (150 - spent, 150 - spent)));
        for (fact, here, there) in facts {
            a.reverse("p", fact);
            tell(&a, &b);
            let change = |now: (i64, i64), before: (i64, i64)| (now.0 - before.0, now.1 - before.1);
            assert_eq!((change(a.money(), before_a), change(b.money(), before_b)), (*here, *there), "{fact:?}");
        }
    }

    #[test]
    fn what_was_frozen_before_it_moved_is_lost_and_won_where_it_is() {
        for (end, left) in [(lost(&dispute("du", 20)), (0, 0)), (won(&dispute("du", 20)), (20, 20))] {
            let (a, b) = paid(50);
            a.reverse("p", &dispute("du", 20));
            switch(&a, &b);
            assert_eq!((a.money(), b.money()), ((20, 0), (130, 130)));
            a.reverse("p", &end);
            tell(&a, &b);
            assert_eq!((a.money(), b.money()), (left, (130, 130)));
            a.reverse("p", &refund("re", 50));
            tell(&a, &b);
            assert_eq!((a.money(), b.money()), ((0, 0), (100, 100)));
        }
    }

    #[test]
    fn a_stolen_card_costs_its_owner_nothing() {
        // Paid, used, spent and disputed before, and after the login was taken.
        for taken in [false, true] {
            let (a, b) = paid(50);
            a.spend("loot", 40);
            assert!(a.act(|wallet| wallet.head_for("p", &b.id)));
            b.begin("p").unwrap();
            if taken {
                b.wait(WAIT);
                assert_eq!(b.take("p", "thief"), Taken::Token);
                a.act(|wallet| wallet.move_payment("p"));
            }
            a.reverse("p", &lost(&dispute("du", 50)));
            tell(&a, &b);
            assert_eq!(b.money(), (100, 100));
            assert_eq!(a.money(), (-40, -40));
            b.wait(WAIT);
            assert_eq!((b.take("p", "thief"), b.opens("thief")), (Taken::Ended, false));
        }
    }

    #[test]
    fn a_payment_that_was_disowned_before_it_moved_stays() {
        let (a, b) = paid(50);
        log_in(&a, &b);
        a.act(|wallet| wallet.disown("p"));
        a.act(|wallet| wallet.move_payment("p"));
        tell(&a, &b);
        assert_eq!((a.money(), b.money(), b.opens("phone")), ((50, 50), (100, 100), false));
    }

    #[test]
    fn a_closed_account_refuses_and_its_home_books_back() {
        let close = |b: &Scene| b.by("first", |wallet| wallet.close_account(&SCHEMA, "k", true)).unwrap();
        // B has heard of it before, or not.
        for heard in [false, true] {
            let (a, b) = paid(50);
            log_in(&a, &b);
            if heard {
                a.reverse("p", &refund("re", 1));
                tell(&a, &b);
            }
            close(&b);
            let left = if heard { 49 } else { 50 };
            a.act(|wallet| wallet.move_payment("p"));
            assert_eq!(a.money(), (0, 0));
            let (_, message) = a.act(|wallet| wallet.untold_moves(9)).remove(0);
            // Meanwhile some of it goes back.
            a.reverse("p", &refund("late", 10));
            a.reverse("p", &dispute("du", 5));
            for _ in 0..2 {
                assert!(!b.act(|wallet| wallet.receive(&message)));
                a.act(|wallet| wallet.told_move(&message, false));
                assert_eq!(a.money(), (left - 10, left - 15), "{heard}");
            }
            a.reverse("p", &lost(&dispute("du", 5)));
            tell(&a, &b);
            assert_eq!((a.money(), b.money()), ((left - 15, left - 15), (0, 0)));
            a.act(|wallet| wallet.move_payment("p"));
            assert_eq!(a.money(), (left - 15, left - 15), "it has moved once");
        }
        // What it has it keeps bearing.
        let (a, b) = paid(50);
        switch(&a, &b);
        close(&b);
        a.reverse("p", &refund("re", 50));
        tell(&a, &b);
        assert_eq!((a.money(), b.money()), ((0, 0), (-50, -50)));
    }

    #[test]
    fn messages_come_in_any_order_and_any_number_of_times() {
        let story = || {
            let (a, b) = paid(50);
            log_in(&a, &b);
            a.act(|wallet| wallet.move_payment("p"));
            let message = || a.act(|wallet| wallet.untold_moves(9)).remove(0).1;
            let mut messages = vec![message()];
            for fact in [refund("re", 10), dispute("du", 30), won(&dispute("du", 30))] {
                a.reverse("p", &fact);
                messages.push(message());
            }
            (a, b, messages)
        };
        for first in 0..4 {
            for second in 0..4 {
                let (a, b, messages) = story();
                for index in [first, second, first] {
                    assert!(b.act(|wallet| wallet.receive(&messages[index])));
                    a.act(|wallet| wallet.told_move(&messages[index], true));
                }
                let money = [(150, 150), (140, 140), (140, 110), (140, 140)];
                assert_eq!(b.money(), money[first.max(second)]);
                assert_eq!(a.act(|wallet| wallet.untold_moves(9)).is_empty(), first.max(second) == 3);
                tell(&a, &b);
                assert_eq!((a.money(), b.money()), ((0, 0), (140, 140)));
            }
        }
    }
}
