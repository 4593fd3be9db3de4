use super::*;
use crate::account::Taken;
use crate::account::hold::HoldId;
use crate::account::reversal::Reversal;
use crate::account::scene::{SCHEMA, Scene, WAIT, dispute, lost, refund, won};

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
    for (to, message) in std::mem::take(&mut *a.moves.borrow_mut()).into_values() {
        assert_eq!(to, b.id);
        if !b.act(|wallet| wallet.receive(&message)) {
            a.act(|wallet| wallet.refused_move(&message.payment));
        }
    }
    assert_eq!(a.moves.borrow().len(), 0);
}

fn message(a: &Scene) -> MovedPayment {
    a.moves.borrow()["p"].1.clone()
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
    a.reverse("p", &refund("re", 1));
    assert_eq!(a.moves.borrow().len(), 0, "nothing has moved yet");
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
    let (a, b) = paid(50);
    log_in(&a, &b);
    close(&b);
    a.act(|wallet| wallet.move_payment("p"));
    assert_eq!(a.money(), (0, 0));
    let early = message(&a);
    // Meanwhile some of it goes back.
    a.reverse("p", &refund("late", 10));
    a.reverse("p", &dispute("du", 5));
    for _ in 0..2 {
        assert!(!b.act(|wallet| wallet.receive(&early)));
        a.act(|wallet| wallet.refused_move("p"));
        assert_eq!(a.money(), (40, 35));
    }
    a.reverse("p", &lost(&dispute("du", 5)));
    tell(&a, &b);
    assert_eq!((a.money(), b.money()), ((35, 35), (100, 100)));
    a.act(|wallet| wallet.move_payment("p"));
    assert_eq!(a.money(), (35, 35), "it has moved once");
    // What it has it keeps bearing.
    let (a, b) = paid(50);
    switch(&a, &b);
    close(&b);
    a.reverse("p", &refund("re", 50));
    tell(&a, &b);
    assert_eq!((a.money(), b.money()), ((0, 0), (100, 100)));
}

#[test]
fn messages_come_in_any_order_and_any_number_of_times() {
    let story = || {
        let (a, b) = paid(50);
        log_in(&a, &b);
        a.act(|wallet| wallet.move_payment("p"));
        let mut messages = vec![message(&a)];
        for fact in [refund("re", 10), dispute("du", 30), won(&dispute("du", 30))] {
            a.reverse("p", &fact);
            messages.push(message(&a));
        }
        (a, b, messages)
    };
    for first in 0..4 {
        for second in 0..4 {
            let (a, b, messages) = story();
            for index in [first, second, first] {
                assert!(b.act(|wallet| wallet.receive(&messages[index])));
            }
            let money = [(150, 150), (140, 140), (140, 110), (140, 140)];
            assert_eq!(b.money(), money[first.max(second)]);
            assert_eq!(message(&a), messages[3], "the newest is to be told");
            tell(&a, &b);
            assert_eq!((a.money(), b.money()), ((0, 0), (140, 140)));
        }
    }
}
