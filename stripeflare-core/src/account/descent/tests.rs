use crate::account::refusal::NoLogin;
use crate::account::scene::{Scene, WAIT, visa};
use crate::account::tokens::MAX_TOKENS;
use crate::account::{Card, LoginState};
use crate::clock::DAY_MS;

fn master() -> Card {
    Card::of_fingerprint("master", "master".into())
}

/// `laptop` has the card by which `phone` came, whom it approved; `phone` made `job`, and claimed another card.
fn family() -> Scene {
    let b = Scene::with_card(2, 10);
    b.log_in("p", "phone", "laptop");
    b.mint("phone", "job");
    b.claim(&master(), "phone", "own");
    b
}

#[test]
fn revoking_spreads_from_tokens_through_cards_and_logins_to_the_last_token() {
    let b = family();
    b.revoke("first", "laptop").unwrap();
    assert_eq!(b.tokens(), ["first"]);
    assert_eq!(b.cards(), [""; 0]);
    assert_eq!(b.state("p"), Some(LoginState::Ended));
}

#[test]
fn an_approval_hangs_on_the_token_that_gave_it() {
    for taken in [false, true] {
        let b = Scene::with_card(2, 10);
        b.mint("first", "desk");
        b.begin("p").unwrap();
        b.decide("desk", "p", true).unwrap();
        if taken {
            b.take("p", "phone");
        }
        b.revoke("first", "desk").unwrap();
        assert_eq!(b.state("p"), Some(LoginState::Ended), "{taken}");
        assert_eq!((b.tokens(), b.cards()), (vec!["first".to_owned(), "laptop".into()], vec!["visa".to_owned()]));
    }
}

#[test]
fn the_callers_own_token_and_what_carries_it_stay() {
    // It revokes the token that claimed its card and approved its login: the card is its own from then on.
    let b = family();
    b.revoke("phone", "laptop").unwrap();
    assert_eq!(b.tokens(), ["first", "job", "phone"]);
    assert_eq!(b.cards(), ["visa", "master"]);
    assert_eq!(b.state("p"), Some(LoginState::Taken), "a login that has ended has no token");
    b.revoke("first", "phone").unwrap();
    assert_eq!((b.tokens(), b.cards().len()), (vec!["first".to_owned()], 0));

    // Its card is removed, by itself: the login stays until somebody else says otherwise.
    let b = family();
    b.by("phone", |wallet| wallet.release_card(&visa().id()));
    assert_eq!((b.opens("phone"), b.state("p")), (true, Some(LoginState::Taken)));
    b.decide("first", "p", false).unwrap();
    assert_eq!(b.tokens(), ["first", "laptop"]);

    let b = family();
    b.by("phone", |wallet| wallet.log_out_everywhere("hash of fresh")).unwrap();
    assert_eq!((b.tokens(), b.opens("fresh")), (vec!["phone".to_owned()], true));
    assert_eq!((b.cards(), b.state("p")), (vec!["visa".to_owned(), "master".into()], Some(LoginState::Taken)));
    b.act(|wallet| wallet.disown("p"));
    assert_eq!(
        (b.tokens().len(), b.cards()),
        (0, vec![]),
        "not even that outlives its payment: both cards were its own"
    );
}

#[test]
fn nobody_refuses_the_login_that_it_came_by() {
    let b = family();
    assert_eq!(b.decide("phone", "p", false), Err(NoLogin));
    assert_eq!((b.opens("phone"), b.state("p")), (true, Some(LoginState::Taken)));
    b.decide("job", "p", false).unwrap();
    assert_eq!((b.opens("phone"), b.state("p")), (false, Some(LoginState::Ended)));
}

#[test]
fn logging_out_a_tokens_time_and_making_room_end_nothing_else_until_somebody_says_more() {
    let log_out = |b: &Scene| b.by("phone", |wallet| wallet.log_out(false)).unwrap();
    let make_room = |b: &Scene| {
        for number in b.tokens().len()..MAX_TOKENS {
            b.mint("first", &number.to_string());
        }
        b.begin("q").unwrap();
        b.wait(WAIT);
        b.take("q", "newest");
        assert!(b.opens("newest"));
    };
    for (way, leave) in [("log out", &log_out as &dyn Fn(&Scene)), ("make room", &make_room)] {
        let b = family();
        leave(&b);
        assert_eq!((b.opens("phone"), b.opens("job"), b.cards().len()), (false, true, 2), "{way}");
        b.wait(100 * DAY_MS);
        b.decide("first", "p", false).unwrap();
        assert_eq!((b.opens("job"), b.cards()), (false, vec!["visa".to_owned()]), "{way}");
    }
}

#[test]
fn nobody_cuts_what_it_hangs_on_by_ending_what_is_between() {
    // A stranger comes by a login, makes a token with which it makes another, and that revokes the one between.
    let between = |b: &Scene| {
        b.mint("phone", "between");
        b.mint("between", "far");
        b.revoke("far", "between").unwrap();
    };
    // Or the token of the login made one that refuses the login.
    let refuse = |b: &Scene| {
        b.mint("phone", "far");
        b.decide("far", "p", false).unwrap();
    };
    let ends: [fn(&Scene); 4] = [
        |b| b.act(|wallet| wallet.disown("p")),
        |b| drop(b.by("first", |wallet| wallet.release_card(&visa().id()))),
        |b| b.revoke("first", "laptop").unwrap(),
        |b| b.revoke("first", "desk").unwrap(),
    ];
    for cut in [&between as &dyn Fn(&Scene), &refuse] {
        for (index, end) in ends.into_iter().enumerate() {
            let b = Scene::with_card(2, 10);
            b.mint("first", "desk");
            b.log_in("p", "phone", "desk");
            cut(&b);
            assert!(b.opens("far"));
            end(&b);
            assert!(!b.opens("far"), "{index}");
        }
    }
}

#[test]
fn a_login_does_not_outlive_the_token_whose_card_it_came_by_when_it_removes_that_card() {
    let b = Scene::with_card(2, 10);
    // The thief's token claimed the card of the scene; a second browser of the thief matures, and cuts what it hangs on.
    b.begin("p").unwrap();
    b.wait(WAIT);
    b.take("p", "second");
    b.by("second", |wallet| wallet.release_card(&visa().id()));
    b.mint("second", "lasting");
    b.revoke("first", "laptop").unwrap();
    assert_eq!(b.tokens(), ["first"]);
}
