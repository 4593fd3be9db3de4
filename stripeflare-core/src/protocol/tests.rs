use super::account::{Close, LogOutEverywhere, Read, Reserve, Reserved, Settle};
use super::native::NativeObject;
use super::samples::{self, Sample};
use super::{AccountCommand, Answer, AnyCommand, Command, Envelope, NotDone, Right, codec};
use crate::account::{Caps, Credit, Denied, Ending, NewToken, TokenId};
use crate::bytes;
use crate::clock::Millis;
use crate::error::WalletError;
use crate::identity::Proof;
use crate::money::Cents;
use crate::protocol::account::Mint;
use crate::schema::Schema;

const NOW: Millis = 1_800_000_000_000;

fn object() -> NativeObject {
    NativeObject::new(Schema::of::<()>())
}

fn first() -> Proof {
    Proof { hash: "first".into(), first: true }
}

fn proof(name: &str) -> Proof {
    Proof { hash: name.into(), first: false }
}

fn send<C: Command>(object: &NativeObject, token: Option<Proof>, endings: Vec<Ending>, command: C) -> Answer<C::Reply> {
    let answer = object.answer(&Envelope { endings, token, command: command.into() }, NOW).unwrap();
    codec::read_answer(&answer).unwrap().map(|reply| bytes::read(reply).unwrap())
}

fn ask<C: Command>(object: &NativeObject, token: Option<Proof>, command: C) -> Answer<C::Reply> {
    send(object, token, Vec::new(), command)
}

/// Ten cents, a token that spends and one that manages.
fn account() -> NativeObject {
    let object = object();
    let credit = Credit {
        account: samples::id(),
        key: "paid".into(),
        amount: Cents::new(10),
        payment_intent: None,
        paid: None,
        payer: Default::default(),
    };
    ask(&object, None, credit).unwrap();
    for (name, manage) in [("spends", false), ("manages", true)] {
        let token = NewToken {
            id: TokenId::from(name.to_owned()),
            hash: name.into(),
            label: name.into(),
            manage,
            login: false,
            caps: Caps::default(),
            expires_at: None,
        };
        ask(&object, None, Mint { token }).unwrap().unwrap();
    }
    object
}

fn balance(object: &NativeObject) -> Cents {
    ask(object, None, Read { account: samples::id() }).unwrap().balance
}

/// Why a command was not carried out, whatever is answered if it was.
fn why_not(answer: Result<Vec<u8>, WalletError>) -> Option<NotDone> {
    codec::read_answer(&answer.ok()?).unwrap().err()
}

#[test]
fn a_command_takes_its_right() {
    for Sample { name, right, commands, .. } in AccountCommand::samples() {
        for command in commands {
            let mut envelope = Envelope { endings: Vec::new(), token: None, command };
            let rights = Some(NotDone::Denied(Denied::Rights));
            for (who, allowed) in [("spends", right == Right::Spend), ("manages", right != Right::Ours)] {
                envelope.token = Some(proof(who));
                let refused = why_not(account().answer(&envelope, NOW));
                assert_eq!(refused == rights, !allowed, "{name} of one who {who}: {refused:?}");
            }
            envelope.token = Some(proof("nobody"));
            let refused = why_not(account().answer(&envelope, NOW));
            assert_eq!(refused, Some(NotDone::Denied(Denied::Wrong)), "{name}");
        }
    }
}

#[test]
fn before_anybody_paid_nothing_is_written() {
    for Sample { name, commands, .. } in AccountCommand::samples() {
        for command in commands {
            let object = object();
            let answers = matches!(
                command,
                AnyCommand::Account(
                    AccountCommand::Settle(_)
                        | AccountCommand::Read(_)
                        | AccountCommand::ReadStats(_)
                        | AccountCommand::MovedPayment(_)
                        | AccountCommand::Disown(_)
                )
            );
            let opens = matches!(command, AnyCommand::Account(AccountCommand::Credit(_)));
            let mut envelope = Envelope { endings: vec![samples::ending()], token: Some(proof("any")), command };
            if !opens {
                assert_eq!(why_not(object.answer(&envelope, NOW)), Some(NotDone::Denied(Denied::Wrong)), "{name}");
            }
            envelope.token = Some(first()).filter(|_| !opens);
            let refused = why_not(object.answer(&envelope, NOW));
            assert_eq!(refused, (!answers && !opens).then_some(NotDone::Unregistered), "{name}");
            let tables: i64 = object.sql.query_row("SELECT COUNT(*) FROM sqlite_master", [], |row| row.get(0)).unwrap();
            assert_eq!((tables > 0, object.rings_at.get().is_some()), (opens, opens), "{name}");
        }
    }
}

#[test]
fn endings_are_carried_out_before_a_command_and_also_if_it_is_denied() {
    let object = account();
    let hold = samples::hold();
    let reserve = Reserve { hold, amount: Cents::new(4), seconds: 60, row: true, key: None };
    let Reserved { available, row, .. } = ask(&object, Some(proof("spends")), reserve).unwrap().unwrap();
    assert_eq!((available, row.unwrap().balance), (Cents::new(6), Cents::new(10)));

    let ending = Ending { key: None, token: None, ..samples::ending() };
    let answer = send(&object, Some(proof("nobody")), vec![ending], Settle);
    assert_eq!(answer, Err(NotDone::Denied(Denied::Wrong)));
    assert_eq!(balance(&object), Cents::new(9));
}

#[test]
fn a_command_that_ended_its_own_token_is_known_when_it_comes_again() {
    let object = account();
    let everywhere = || LogOutEverywhere { hash: "fresh".into() };
    for _ in 0..2 {
        assert_eq!(ask(&object, Some(proof("manages")), everywhere()), Ok(Ok(())));
    }
    let read = || Read { account: samples::id() };
    assert_eq!(ask(&object, Some(proof("manages")), read()), Err(NotDone::Denied(Denied::Wrong)));
    assert!(ask(&object, Some(proof("fresh")), read()).is_ok());

    let close = |key: &str| Close { key: key.into(), forfeit: true };
    for _ in 0..2 {
        assert_eq!(ask(&object, Some(proof("fresh")), close("k")), Ok(Ok(())));
    }
    assert_eq!(ask(&object, Some(proof("fresh")), close("l")), Err(NotDone::Denied(Denied::Wrong)));
    assert_eq!(balance(&object), Cents::ZERO);
}

#[test]
fn what_fails_leaves_nothing_of_its_envelope() {
    let object = account();
    let reserve = Reserve { hold: samples::hold(), amount: Cents::new(1), seconds: 60, row: false, key: None };
    ask(&object, None, reserve).unwrap().unwrap();
    let envelope = Envelope {
        endings: vec![samples::release()],
        token: None,
        command: super::account::ComeHome { home: samples::home() }.into(),
    };
    assert!(object.answer(&envelope, NOW).is_err(), "nobody logs in without a token");
    assert_eq!(ask(&object, None, Read { account: samples::id() }).unwrap().holds.len(), 1);
}

#[test]
fn an_object_of_another_currency_says_which_variable_to_mend() {
    let object = account();
    let spends = || Some(proof("spends"));
    assert!(ask(&object, spends(), Read { account: samples::id() }).is_ok());
    let object = object.in_currency("jpy");
    for token in [None, spends()] {
        let refused = ask(&object, token, Read { account: samples::id() });
        assert!(
            matches!(refused, Err(NotDone::Misconfigured(why)) if why.contains("STRIPE_CURRENCY") && why.contains("usd"))
        );
    }
    let object = object.in_currency("usd");
    assert_eq!(balance(&object), Cents::new(10));
}
