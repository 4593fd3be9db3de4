use super::*;
use crate::account::hold::{Ending, HoldId, Outcome};
use crate::account::payment::Credit;
use crate::account::reversal::{Kind, Reversal};
use crate::account::scene::Scene;
use crate::account::tokens::Denied;
use crate::clock::Millis;
use crate::identity::{AccountId, Proof};
use crate::schema::migrate;
use crate::sql::Sql;
use crate::tables::Role;
use crate::testing::database;

const SCHEMA: Schema = Schema::of::<()>();
const NOW: Millis = 1_800_000_000_000;

fn at<T>(sql: &rusqlite::Connection, act: impl FnOnce(&mut Wallet<'_>) -> T) -> T {
    let mut wallet = Wallet::load_or_register(sql, &SCHEMA, NOW, &AccountId::from_hash(&[7; 32])).unwrap();
    let result = act(&mut wallet);
    wallet.save().unwrap();
    result
}

fn account(cents: i64) -> rusqlite::Connection {
    let sql = database();
    migrate(&sql, Role::Account, &SCHEMA).unwrap();
    let (account, amount) = (AccountId::from_hash(&[7; 32]), Cents::new(cents));
    let credit = Credit {
        account,
        key: "cs".into(),
        amount,
        payment_intent: Some("pi".into()),
        paid: None,
        payer: Default::default(),
    };
    at(&sql, |wallet| wallet.credit(&credit).unwrap());
    sql
}

#[test]
fn an_account_closes_when_its_money_is_gone_or_given_up() {
    let sql = account(10);
    let first = Proof { hash: "00".into(), first: true };
    let hold = HoldId::generate(NOW);
    at(&sql, |wallet| {
        wallet.authenticate(&first).unwrap().unwrap();
        wallet.reserve(&hold, Cents::new(1), 60).unwrap().unwrap();
        assert_eq!(wallet.close_account(&SCHEMA, "k", true).unwrap(), Err(NotClosed::CallsRunning));
    });
    at(&sql, |wallet| {
        wallet.settle(&Ending { hold, outcome: Outcome::Release, key: None, token: None }).unwrap();
        let refusal = NotClosed::MoneyLeft { amount: Cents::new(10) };
        assert_eq!(wallet.close_account(&SCHEMA, "k", false).unwrap(), Err(refusal));
        assert!(!wallet.is_closed_by("k").unwrap());
        // The login that began to claim it is over.
        let insert = "INSERT INTO cards (id, identity, label, token, payment, claim, state, at, shows_at)
            VALUES ('1', 'card:1', 'visa', 'gone', 'cs', 7, 'claiming', 1, 1)";
        wallet.sql.run(insert, &[]).unwrap();
        wallet.close_account(&SCHEMA, "k", true).unwrap().unwrap();
        wallet.claimed("1", 7, true).unwrap();
        assert_eq!(wallet.cards().unwrap().len(), 0);
        assert!(wallet.is_closed_by("k").unwrap() && !wallet.is_closed_by("l").unwrap());
        assert_eq!(wallet.balance(), Cents::new(10), "what is given up is the operator's to give back");
    });
    at(&sql, |wallet| assert_eq!(wallet.authenticate(&first).unwrap(), Err(Denied::Wrong)));
    let entries = sql.run("SELECT kind, amount FROM entries ORDER BY key DESC LIMIT 1 OFFSET 1", &[]).unwrap();
    assert_eq!(entries, [["close".into(), Value::Integer(0)]]);
}

#[test]
fn a_closed_account_can_still_be_refunded_and_disputed() {
    let sql = account(10);
    let amount = Cents::new(4);
    let dispute = |withdrawn: bool| Reversal {
        kind: Kind::Dispute,
        id: "dp".into(),
        amount,
        taken: if withdrawn { amount } else { Cents::ZERO },
        closed: false,
        moves: withdrawn.into(),
        at: 1,
        disowned: false,
    };
    at(&sql, |wallet| {
        wallet.reverse("pi", &dispute(false)).unwrap();
        wallet.close_account(&SCHEMA, "k", true).unwrap().unwrap();
        assert_eq!(wallet.available().unwrap(), Cents::new(6));
        wallet.reverse("pi", &dispute(true)).unwrap();
        assert_eq!((wallet.balance(), wallet.available().unwrap()), (Cents::new(6), Cents::new(6)));
    });
}

#[test]
fn who_paid_is_forgotten_with_the_account_and_not_learnt_again() {
    let scene = Scene::new(7, 10);
    let payers = || {
        let rows = scene.sql.run("SELECT payer_name, payer_email FROM payments ORDER BY key", &[]).unwrap();
        rows.into_iter().flatten().filter(|value| *value != Value::Null).count()
    };
    assert_eq!(payers(), 2);
    scene.by("first", |wallet| wallet.close_account(&SCHEMA, "k", true)).unwrap();
    assert_eq!(payers(), 0);
    scene.pay("later", 10);
    assert_eq!(payers(), 0);
    let row = scene.act(|wallet| Ok(wallet.account.clone()));
    assert_eq!((row.name, row.email, row.card_fingerprint, row.verified_email), (None, None, None, None));
}
