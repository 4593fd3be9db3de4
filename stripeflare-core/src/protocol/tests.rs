use super::account::{Close, LogOutEverywhere, Read, Reserve, Reserved, Reverse, Settle, in_account};
use super::native::NativeObject;
use super::samples::{self, Sample};
use super::{AccountCommand, Answer, AnyCommand, Command, Envelope, NotDone, Right, codec};
use crate::account::{
    Caps, Charge, Credit, Denied, Ending, FOLD_BATCH, HoldId, Kind, NewToken, NotCharged, NotReserved, Outcome,
    Overdraft, Reversal, TokenId,
};
use crate::bytes;
use crate::clock::{DAY_MS, Millis};
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
                        | AccountCommand::ReadBySql(_)
                        | AccountCommand::MovedPayment(_)
                        | AccountCommand::Disown(_)
                )
            );
            let opens =
                matches!(command, AnyCommand::Account(AccountCommand::Credit(_) | AccountCommand::HandedOver(_)));
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
    let reserve =
        Reserve { hold, amount: Cents::new(4), least: Cents::new(4), seconds: 60, brief: true, row: true, key: None };
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
}

#[test]
fn what_fails_leaves_nothing_of_its_envelope() {
    let object = account();
    let reserve = Reserve {
        hold: samples::hold(),
        amount: Cents::new(1),
        least: Cents::new(1),
        seconds: 60,
        brief: true,
        row: false,
        key: None,
    };
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

#[test]
fn an_object_whose_size_cannot_be_read_takes_no_call_that_costs_something() {
    let object = account();
    object.has_size.set(false);
    let charge = Charge { key: "job".into(), amount: Cents::new(1), overdraft: Overdraft::Deny, detail: "job".into() };
    let envelope = |command| Envelope { endings: Vec::new(), token: None, command };
    let failed = object.answer(&envelope(charge.clone().into()), NOW).unwrap_err();
    assert!(failed.to_string().contains("no size"), "{failed}");
    object.has_size.set(true);
    assert!(ask(&object, None, charge.clone()).unwrap().is_ok());
    object.has_size.set(false);
    assert!(ask(&object, None, charge).unwrap().unwrap().already, "what was charged is known all the same");
}

#[test]
fn a_command_that_fails_or_panics_between_a_reserve_and_its_capture_loses_neither() {
    let object = account();
    let reserve = || Reserve {
        hold: HoldId::generate(NOW),
        amount: Cents::new(4),
        least: Cents::new(4),
        seconds: 60,
        brief: true,
        row: false,
        key: None,
    };
    let available = || ask(&object, Some(proof("spends")), reserve()).unwrap().map(|reserved| reserved.available);
    // The token is looked up by the first, and known to the second.
    let (ended, open) = (reserve(), reserve());
    let capture = Ending {
        hold: ended.hold.clone(),
        outcome: Outcome::Capture { amount: Cents::new(4), detail: "GET /".into() },
        key: None,
        token: None,
    };
    ask(&object, Some(proof("spends")), ended).unwrap().unwrap();
    send(&object, Some(proof("spends")), vec![capture], open).unwrap().unwrap();
    let receipt = object.receipt();
    assert_eq!((receipt.group, object.balance_on_disk()), (receipt.written + 1, 100_000), "neither is written");

    for after in 0..4 {
        object.fails_after.set(Some(after));
        let charge =
            Charge { key: "k".into(), amount: Cents::new(1), overdraft: Overdraft::Deny, detail: "job".into() };
        let envelope = Envelope { endings: Vec::new(), token: None, command: charge.into() };
        assert!(object.answer(&envelope, NOW).is_err(), "{after} statements were enough");
        object.fails_after.set(None);
        assert!(object.write_group_failing_at_once(NOW).is_err());
        assert!(available().is_err(), "two cents are left");
    }
    let panics = || object.transaction::<()>(|| panic!("a defect"));
    assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(panics)).is_err());
    object.sql.execute_batch("ROLLBACK").unwrap();
    assert!(available().is_err());
    object.write_group(NOW).unwrap();
    assert_eq!((object.receipt().written, object.balance_on_disk()), (receipt.group, 60_000));
    assert_eq!(balance(&object), Cents::new(6));
}

/// The limit is SQLite's own, which refuses whatever would go past it.
#[test]
fn an_account_near_its_limit_refuses_calls_and_takes_payments_refunds_captures_and_folding() {
    const LATER: Millis = NOW + 100 * DAY_MS;
    let object = account();
    object.sql.execute_batch("PRAGMA max_page_count = 160").unwrap();
    let credit = |key: &str, cents| Credit {
        account: samples::id(),
        key: key.into(),
        amount: Cents::new(cents),
        payment_intent: Some(format!("pi_{key}")),
        paid: None,
        payer: Default::default(),
    };
    ask(&object, None, credit("much", 1_000_000)).unwrap();
    let reserve = |now: Millis| Reserve {
        hold: HoldId::generate(now),
        amount: Cents::new(1),
        least: Cents::new(1),
        seconds: 60,
        brief: true,
        row: false,
        key: None,
    };
    let capture = |hold: &HoldId| Ending {
        hold: hold.clone(),
        outcome: Outcome::Capture { amount: Cents::new(1), detail: "GET /a/route/with/a/name".into() },
        key: None,
        token: None,
    };
    let charge =
        |key: String| Charge { key, amount: Cents::new(1), overdraft: Overdraft::Deny, detail: "X-Price".into() };
    let spends = || Some(proof("spends"));
    let running = reserve(NOW);
    let running_hold = running.hold.clone();
    ask(&object, spends(), running).unwrap().unwrap();
    let (mut served, mut endings) = (0_i64, Vec::new());
    let refused = loop {
        let call = reserve(NOW + served);
        let hold = call.hold.clone();
        if let Err(refused) = send(&object, spends(), std::mem::take(&mut endings), call).unwrap() {
            break refused;
        }
        endings.push(capture(&hold));
        served += 1;
    };
    assert_eq!((refused, served > 1_000), (NotReserved::Full, true), "{served} calls were served");
    assert!(ask(&object, None, Read { account: samples::id() }).unwrap().is_full, "as the aggregate hears");
    assert_eq!(ask(&object, spends(), charge("new".into())).unwrap(), Err(NotCharged::Full));

    // What is under way, and what comes in.
    let before = balance(&object);
    send(&object, None, vec![capture(&running_hold)], Settle).unwrap();
    for number in 0..20 {
        ask(&object, None, credit(&number.to_string(), 5)).unwrap();
        let reversal = Reversal {
            kind: Kind::Refund,
            id: format!("re_{number}"),
            amount: Cents::new(2),
            taken: Cents::new(2),
            closed: true,
            moves: 0,
            at: 1,
            disowned: false,
        };
        ask(&object, None, Reverse { payment_intent: format!("pi_{number}"), reversal }).unwrap();
    }
    assert_eq!(balance(&object), before + Cents::new(20 * 3 - 1));

    // Ninety days later what was folded has left room, and an old charge is known all the while.
    let fold = || in_account(&object, LATER, |wallet| wallet.fold(FOLD_BATCH));
    while object.transaction(fold).unwrap() == Some(Some(LATER)) {}
    ask(&object, spends(), reserve(NOW)).unwrap().unwrap();
    assert!(!ask(&object, None, Read { account: samples::id() }).unwrap().is_full);
}
