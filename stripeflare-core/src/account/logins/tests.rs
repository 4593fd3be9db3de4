use super::*;
use crate::account::scene::{SCHEMA, Scene, WAIT, visa};
use crate::account::tokens::MAX_TOKENS;
use crate::account::{Card, Homecoming, MovedPayment};
use crate::money::Cents;

type Way = (&'static str, fn(&Scene));

#[test]
fn a_login_waits_and_is_taken_once_its_time_has_come() {
    let b = Scene::with_card(2, 10);
    let login = b.begin("p").unwrap();
    assert_eq!((login.state, login.matures_at), (LoginState::Pending, b.now.get() + WAIT));
    assert_eq!(b.take("p", "login"), Taken::NotYet);
    b.wait(WAIT - 1);
    assert_eq!(b.take("p", "login"), Taken::NotYet);
    assert!(!b.opens("login"));
    b.wait(1);
    assert!(b.begin("p").unwrap().is_ripe(b.now.get()), "asking again changes nothing");
    assert_eq!(b.act(|wallet| wallet.pending_logins()).len(), 1, "whoever manages the account sees it");
    assert_eq!(b.take("p", "login"), Taken::Token);
    assert!(b.opens("login"));
    assert_eq!(b.begin("p").unwrap().state, LoginState::Taken);
    assert_eq!(b.act(|wallet| wallet.pending_logins()), []);
    assert_eq!(b.take("never begun", "other"), Taken::Ended);
}

#[test]
fn an_approved_login_waits_no_longer() {
    let b = Scene::with_card(2, 10);
    assert_eq!(b.decide("first", "p", true), Err(NoLogin));
    b.begin("p").unwrap();
    for _ in 0..2 {
        assert_eq!(b.decide("laptop", "p", true), Ok(()));
    }
    assert_eq!(b.take("p", "login"), Taken::Token);
    assert_eq!(b.decide("laptop", "p", true), Ok(()), "it was let in");
}

#[test]
fn taking_again_before_the_first_use_replaces_the_secret() {
    let b = Scene::with_card(2, 10);
    b.begin("p").unwrap();
    b.wait(WAIT);
    for name in ["lost", "lost too", "kept"] {
        assert_eq!(b.take("p", name), Taken::Token);
    }
    assert_eq!(["lost", "lost too", "kept"].map(|name| b.opens(name)), [false, false, true]);
    assert_eq!(b.tokens().len(), 3, "it is one token");
    assert_eq!(b.take("p", "late"), Taken::Used);
    assert_eq!((b.opens("late"), b.opens("kept")), (false, true));
}

#[test]
fn whatever_ends_a_login_ends_it_from_any_state_and_for_good() {
    let states: [Way; 5] = [
        ("pending", |_| {}),
        ("approved", |b| b.decide("first", "p", true).unwrap()),
        ("matured", |b| b.wait(WAIT)),
        ("taken", |b| {
            b.wait(WAIT);
            assert_eq!(b.take("p", "login"), Taken::Token);
        }),
        ("in use", |b| {
            b.wait(WAIT);
            assert_eq!(b.take("p", "login"), Taken::Token);
            assert!(b.opens("login"));
            b.mint("login", "more");
        }),
    ];
    let ways: [Way; 9] = [
        ("refused", |b| b.decide("first", "p", false).unwrap()),
        ("contested", |b| b.act(|wallet| wallet.disown("p"))),
        ("its home tells", |b| {
            let (payment, from, zero) = ("p".to_owned(), AccountId::from_hash(&[1; 32]), Cents::ZERO);
            let (moved, taken, frozen, disowned, revision) = (zero, zero, zero, true, 7);
            let told = MovedPayment { payment, from, moved, taken, frozen, disowned, revision };
            assert!(b.act(|wallet| wallet.receive(&told)));
        }),
        ("the card is removed", |b| drop(b.by("first", |wallet| wallet.release_card(&visa().id())))),
        ("its claim's payment is disowned", |b| b.act(|wallet| wallet.disown("own"))),
        ("its claim's token is revoked", |b| b.revoke("first", "laptop").unwrap()),
        ("locked", |b| {
            b.by("first", |wallet| wallet.lock(true));
            b.by("first", |wallet| wallet.lock(false));
        }),
        ("logged out everywhere", |b| b.by("first", |wallet| wallet.log_out_everywhere("hash of first")).unwrap()),
        ("closed", |b| b.by("first", |wallet| wallet.close_account(&SCHEMA, "k", true)).unwrap()),
    ];
    for (state, reach) in states {
        for (way, end) in ways {
            let b = Scene::with_card(2, 10);
            b.begin("p").unwrap();
            reach(&b);
            end(&b);
            for late in [0, 2 * WAIT, 100 * DAY_MS] {
                b.wait(late);
                assert!(!["login", "more"].iter().any(|name| b.opens(name)), "{state}, then {way}");
                assert_ne!(b.take("p", "again"), Taken::Token, "{state}, then {way}");
                assert!(!b.opens("again"));
                let begun =
                    b.begin("p").is_ok_and(|login| matches!(login.state, LoginState::Pending | LoginState::Approved));
                assert!(!begun, "{state}, then {way}");
            }
            if way != "closed" {
                let _ = b.decide("first", "p", true);
                assert_ne!(b.take("p", "again"), Taken::Token, "{state}, then {way}, then approved");
            }
        }
    }
}

#[test]
fn what_ended_before_it_was_known_does_not_begin() {
    let b = Scene::with_card(2, 10);
    b.act(|wallet| wallet.disown("p"));
    assert_eq!(b.begin("p"), Err(NotBegun::NoLogin));
    assert_eq!((b.state("p"), b.take("p", "login")), (None, Taken::Ended));
}

#[test]
fn a_refused_login_is_remembered_however_old() {
    let b = Scene::with_card(2, 10);
    b.begin("p").unwrap();
    b.decide("first", "p", false).unwrap();
    b.wait(30 * DAY_MS);
    b.begin("another").unwrap();
    assert_eq!(b.begin("p").unwrap().state, LoginState::Ended);
}

#[test]
fn a_login_that_nobody_took_in_its_time_is_over() {
    for approved in [false, true] {
        let b = Scene::with_card(2, 10);
        b.begin("p").unwrap();
        if approved {
            b.decide("first", "p", true).unwrap();
        }
        b.wait(WAIT + TAKE_MS);
        assert_eq!(b.act(|wallet| wallet.pending_logins()), []);
        assert_eq!(b.decide("first", "p", true).is_ok(), approved);
        assert_eq!(b.take("p", "login"), Taken::Ended, "no page waits for it any more");
    }
}

#[test]
fn no_more_than_ten_wait() {
    let b = Scene::with_card(2, 10);
    for number in 0..MAX_LOGINS {
        b.begin(&number.to_string()).unwrap();
    }
    assert_eq!(b.begin("more"), Err(NotBegun::TooManyLogins));
    assert!(b.begin("0").is_ok(), "it is there already");
    b.decide("first", "0", false).unwrap();
    assert!(b.begin("more").is_ok());
    assert_eq!(b.begin("and more"), Err(NotBegun::TooManyLogins));
    b.wait(WAIT + TAKE_MS);
    assert!(b.begin("and more").is_ok(), "the time of the others is over");
}

#[test]
fn a_claim_younger_than_a_login_waits_lets_nobody_in() {
    let b = Scene::new(2, 10);
    b.claim(&visa(), "first", "own");
    b.wait(WAIT - 1);
    assert_eq!(b.begin("p"), Err(NotBegun::NoLogin));
    assert_eq!(b.act(|wallet| wallet.card_owner(&visa().id(), WAIT)), None);
    b.wait(1);
    let owner = b.act(|wallet| wallet.card_owner(&visa().id(), WAIT)).unwrap();
    assert_eq!((owner.cards, owner.tokens, owner.verified_email), (1, 1, None));
    assert!(b.begin("p").is_ok());

    b.by("first", |wallet| wallet.release_card(&visa().id()));
    b.claim(&visa(), "first", "own");
    b.wait(WAIT);
    let (payment, from, card) = ("q".to_owned(), AccountId::from_hash(&[1; 32]), visa().id());
    let of_old = LoginRequest { payment, from, card, claim: owner.claim, wait: WAIT };
    assert_eq!(b.act(|wallet| wallet.begin_login(&of_old)), Err(NotBegun::NoLogin), "it was shown an earlier claim");
    assert_eq!(b.take("p", "login"), Taken::Ended, "the claim that it began by is over");
}

#[test]
fn a_locked_account_lets_nobody_begin_and_has_no_claim_under_way() {
    let b = Scene::with_card(2, 10);
    let other = Card::of_fingerprint("other", "other".into());
    let home = Homecoming { payment: "own".into(), card: Some(other.clone()), shows_at: 0 };
    b.by("first", |wallet| wallet.come_home(&home, &"first".to_owned().into()));
    b.by("first", |wallet| wallet.lock(true));
    b.act(|wallet| wallet.claimed(&other.id(), 2, true));
    assert_eq!(b.cards(), [""; 0], "what the directory answers now is too late");
    assert_eq!(b.begin("p"), Err(NotBegun::NoLogin));
}

#[test]
fn a_token_that_the_lock_ends_is_no_second_one() {
    let b = Scene::new(2, 10);
    b.claim(&visa(), "first", "own");
    b.wait(WAIT);
    b.log_in("p", "phone", "first");
    b.mint("phone", "job");
    let survives = |by: &str| b.by(by, |wallet| wallet.is_managed_elsewhere_once_locked());
    assert!(!survives("first"), "who logged in by a card is logged out, and what came from that ends");
    assert!(survives("phone"), "the token that claimed the card stays");
    b.mint("first", "safe");
    assert!(survives("first"));
    b.by("first", |wallet| wallet.lock(true));
    assert_eq!(b.tokens(), ["first", "safe"]);
}

#[test]
fn a_full_account_lets_a_login_in_later() {
    let b = Scene::with_card(2, 10);
    b.begin("p").unwrap();
    b.wait(WAIT);
    for number in b.tokens().len()..MAX_TOKENS {
        b.mint("first", &number.to_string());
    }
    assert_eq!(b.take("p", "login"), Taken::TooManyTokens);
    b.revoke("first", "50").unwrap();
    assert_eq!(b.take("p", "login"), Taken::Token);
}

#[test]
fn letters_are_six_and_those_of_the_payment() {
    assert_eq!(letters("p"), letters("p"));
    assert_ne!(letters("p"), letters("q"));
    assert!(letters("p").len() == 6 && letters("p").bytes().all(|letter| letter.is_ascii_uppercase()));
}
