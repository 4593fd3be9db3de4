use super::*;
use crate::account::{Credit, Kind, Reversal};
use crate::aggregate::{Assignment, Unclaimed};
use crate::identity::AccountId;
use crate::money::Cents;
use crate::protocol::account::{Disown, HeadFor, MovePayment, Read};
use crate::protocol::aggregate::{Assign, RecordUnclaimed, Reversed};
use crate::protocol::codec::read_answer;
use crate::protocol::directory::{Arrive, Credited, FindOrPark, Place};
use crate::protocol::native::NativeObject;
use crate::protocol::{AccountCommand, Aggregate, Shard, acknowledged};
use crate::schema::Schema;

const NOW: Millis = 1_800_000_000_000;

fn id(number: u8) -> AccountId {
    AccountId::from_hash(&[number; 32])
}

fn ask(object: &NativeObject, command: impl Into<AnyCommand>) {
    let envelope = Envelope { endings: Vec::new(), token: None, command: command.into() };
    object.answer(&envelope, NOW).unwrap();
}

/// A shard with so many accounts to tell that a payment is contested.
fn shard(accounts: u8) -> NativeObject {
    let object = NativeObject::new(Schema::of::<()>());
    for account in 1..=accounts {
        let session = account.to_string();
        ask(&object, Credited { session: session.clone(), account: id(account), mark: None });
        for mark in ["a", "b", "a"] {
            ask(&object, Arrive { session: session.clone(), mark: mark.into() });
        }
    }
    object
}

fn recipients(messages: &[Outgoing]) -> Vec<String> {
    messages.iter().map(|message| message.recipient.clone()).collect()
}

fn told(object: &NativeObject, message: &Outgoing, reply: &[u8], now: Millis) {
    let envelope = message.envelope().unwrap();
    object.transaction(|| acknowledged(object, message, &envelope.command, reply, now)).unwrap();
}

#[test]
fn a_message_waits_until_it_was_acknowledged() {
    let object = shard(1);
    assert_eq!(object.rings_at.get(), Some(0), "soon");
    for _ in 0..2 {
        let due = due(&object, 9, NOW).unwrap();
        assert_eq!(recipients(&due), [format!("user-{}", id(1))]);
        let command = due[0].envelope().unwrap().command;
        assert!(matches!(command, AnyCommand::Account(AccountCommand::Disown(Disown { payment })) if payment == "1"));
    }
    let message = due(&object, 9, NOW).unwrap().remove(0);
    told(&object, &message, &[], NOW);
    assert_eq!((due(&object, 9, NOW).unwrap().len(), next_due(&object).unwrap()), (0, None));
    let nobody = NativeObject::new(Schema::of::<()>());
    assert_eq!((due(&nobody, 9, NOW).unwrap().len(), next_due(&nobody).unwrap()), (0, None));
}

#[test]
fn what_always_fails_is_tried_ever_later_and_keeps_nothing_else_waiting() {
    let object = shard(40);
    let mut now = NOW;
    // Two batches of those that never answer.
    for _ in 0..2 {
        for message in due(&object, 20, now).unwrap() {
            message.failed(&object, now).unwrap();
        }
    }
    assert_eq!((due(&object, 20, now).unwrap().len(), next_due(&object).unwrap()), (0, Some(now + 4_000)));
    for pause in [4, 8, 16, 32, 64, 128, 256, 300, 300, 300] {
        now += pause * 1_000;
        ask(&object, Credited { session: "new".into(), account: id(99), mark: None });
        for mark in [pause.to_string(), "another".into()] {
            ask(&object, Arrive { session: "new".into(), mark });
        }
        let mut tried = Vec::new();
        for _ in 0..3 {
            let batch = due(&object, 20, now).unwrap();
            tried.extend(recipients(&batch));
            for message in batch {
                match message.recipient == format!("user-{}", id(99)) {
                    true => told(&object, &message, &[], now),
                    false => message.failed(&object, now).unwrap(),
                }
            }
        }
        if pause == 4 {
            assert_eq!(tried.remove(0), format!("user-{}", id(99)), "what was never tried comes first");
        }
        tried.sort();
        tried.dedup();
        assert_eq!(tried.len(), 40, "each had its turn, once");
    }
}

#[test]
fn of_what_is_told_under_one_name_only_the_newest_matters_and_an_old_answer_does_not_end_it() {
    let object = shard(0);
    ask(&object, Credited { session: "s".into(), account: id(1), mark: None });
    let tell = |payment: &str| tell(&object, "name".into(), &id(1), Disown { payment: payment.into() }).unwrap();
    tell("first");
    let first = due(&object, 9, NOW).unwrap().remove(0);
    first.failed(&object, NOW).unwrap();
    tell("first");
    assert_eq!(due(&object, 9, NOW).unwrap().len(), 0, "the same again changes nothing");
    tell("second");
    told(&object, &first, &[], NOW);
    first.failed(&object, NOW).unwrap();
    let second = due(&object, 9, NOW).unwrap();
    assert_eq!(second.len(), 1);
    told(&object, &second[0], &[], NOW);
    assert_eq!(next_due(&object).unwrap(), None);
}

#[test]
fn what_another_release_wrote_waits_for_that() {
    let object = shard(1);
    object.sql.execute("UPDATE outgoing SET message = x'09ff'", []).unwrap();
    let message = due(&object, 9, NOW).unwrap().remove(0);
    assert!(message.envelope().is_none());
    message.failed(&object, NOW).unwrap();
    let kept: Vec<u8> = object.sql.query_row("SELECT message FROM outgoing", [], |row| row.get(0)).unwrap();
    assert_eq!(kept, [9, 255]);
}

/// Objects by their local names.
struct World(Vec<(String, NativeObject)>);

impl World {
    fn of(names: &[String]) -> Self {
        Self(names.iter().map(|name| (name.clone(), NativeObject::new(Schema::of::<()>()))).collect())
    }

    fn object(&self, name: &str) -> &NativeObject {
        &self.0.iter().find(|(known, _)| known == name).expect("an object of this name").1
    }

    /// Every alarm rings once; what fails is tried again by the next.
    fn ring(&self, now: Millis) {
        for (_, object) in &self.0 {
            for message in due(object, 20, now).unwrap() {
                let envelope = message.envelope().unwrap();
                let answer = self.object(&message.recipient).answer(&envelope, now);
                match answer.as_deref().map(|answer| read_answer(answer).unwrap()) {
                    Ok(Ok(reply)) => {
                        object.transaction(|| acknowledged(object, &message, &envelope.command, reply, now)).unwrap();
                    }
                    _ => message.failed(object, now).unwrap(),
                }
            }
        }
    }

    fn balance(&self, account: u8) -> Cents {
        let object = self.object(&id(account).local_name());
        let command = Read { account: id(account) }.into();
        let answer = object.answer(&Envelope { endings: Vec::new(), token: None, command }, NOW).unwrap();
        let row: crate::account::AccountRow = crate::bytes::read(read_answer(&answer).unwrap().unwrap()).unwrap();
        row.balance
    }

    fn is_at_rest(&self) -> bool {
        self.0.iter().all(|(_, object)| next_due(object).unwrap().is_none())
    }
}

fn refund(id: &str, cents: i64) -> Reversal {
    let (kind, id, amount) = (Kind::Refund, id.to_owned(), Cents::new(cents));
    Reversal { kind, id, amount, taken: amount, closed: true, moves: 1, at: 1, disowned: false }
}

fn credit(account: u8, cents: i64) -> Credit {
    let (account, amount, payment_intent) = (id(account), Cents::new(cents), Some("pi".into()));
    Credit { account, key: "cs".into(), amount, paid: None, payment_intent, payer: Default::default() }
}

#[test]
fn a_payment_with_a_place_arrives_with_all_that_goes_back_of_it_whoever_dies() {
    let shard = Shard::of("pi").local_name();
    let world = World::of(&[shard.clone(), id(1).local_name()]);
    ask(world.object(&shard), FindOrPark { payment_intent: "pi".into(), reversal: refund("re_1", 2) });
    for _ in 0..2 {
        ask(world.object(&shard), Place { credit: credit(1, 10), reversals: vec![refund("re_2", 3)] });
    }
    world.ring(NOW);
    assert_eq!(world.balance(1), Cents::new(5), "in one go, the credit first");
    assert!(world.is_at_rest());
    // Another account is told nothing, and this one nothing new.
    ask(world.object(&shard), Place { credit: credit(9, 10), reversals: Vec::new() });
    assert!(world.is_at_rest());
}

#[test]
fn what_the_operator_assigned_arrives_by_itself() {
    let (shard, aggregate) = (Shard::of("pi").local_name(), Aggregate.local_name());
    // In the order of their alarms: the account is told in the second round.
    let world = World::of(&[shard, aggregate.clone(), id(1).local_name()]);
    let unclaimed = Unclaimed {
        key: "cs".into(),
        reason: "it names no account".into(),
        amount: 10,
        currency: "usd".into(),
        client_reference_id: None,
        payment_intent: Some("pi".into()),
        payment_link: None,
    };
    ask(world.object(&aggregate), RecordUnclaimed { unclaimed });
    ask(world.object(&aggregate), Reversed { payment_intent: "pi".into(), reversal: refund("re", 4) });
    let assignment = Assignment { key: "cs".into(), account: id(1), amount: None, currency: "usd".into() };
    ask(world.object(&aggregate), Assign { assignment });
    world.ring(NOW);
    world.ring(NOW);
    assert_eq!((world.balance(1), world.is_at_rest()), (Cents::new(6), true));
}

#[test]
fn what_another_account_does_not_take_comes_back() {
    let (home, other) = (id(1).local_name(), id(2).local_name());
    let world = World::of(&[home.clone(), other]);
    ask(world.object(&home), credit(1, 10));
    ask(world.object(&home), HeadFor { payment: "cs".into(), to: id(2) });
    ask(world.object(&home), MovePayment { payment: "cs".into() });
    assert_eq!(world.balance(1), Cents::ZERO);
    // Nobody has ever paid into the other one.
    world.ring(NOW);
    assert_eq!((world.balance(1), world.is_at_rest()), (Cents::new(10), true));
}
