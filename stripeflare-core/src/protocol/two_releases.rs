//! Two releases at once: a made-up one that comes after a made-up first.

use serde::{Deserialize, Serialize};

use super::codec::{Back, CANNOT_READ, DONE, PROTOCOL, Predecessor, Protocol, read_answer, reply};
use super::{AnyCommand, Envelope};
use crate::account::{Charge, Charged, Ending, NotCharged, Overdraft, Receipt};
use crate::bytes::{self, Unreadable};
use crate::identity::Proof;
use crate::money::Cents;
use crate::protocol::AccountCommand;
use crate::protocol::account::{ReadStats, Settle};

/// As a release would be that came after one which charged without an overdraft and told one number of a charge.
const NEXT: Protocol = Protocol { number: 2, before: Some(&First) };

struct First;

/// Where a charge stands among all commands.
const CHARGE: (u8, u8) = (0, 6);

type Head = (Vec<Ending>, Option<Proof>, (u8, u8));

#[derive(Serialize, Deserialize)]
struct FirstCharge {
    key: String,
    amount: Cents,
    detail: String,
}

type FirstReply = Result<Cents, NotCharged>;

fn is_charge(command: &AnyCommand) -> bool {
    matches!(command, AnyCommand::Account(AccountCommand::Charge(_)))
}

impl Predecessor for First {
    fn number(&self) -> u8 {
        1
    }

    fn message(&self, envelope: &Envelope) -> Option<Vec<u8>> {
        match &envelope.command {
            AnyCommand::Account(AccountCommand::ReadStats(_)) => None,
            AnyCommand::Account(AccountCommand::Charge(charge)) => {
                let Charge { key, amount, overdraft: Overdraft::Deny, detail } = charge.clone() else {
                    return None;
                };
                let charge = FirstCharge { key, amount, detail };
                Some(bytes::write_after(vec![1], &(&envelope.endings, &envelope.token, CHARGE, charge)))
            }
            _ => Some(bytes::write_after(vec![1], envelope)),
        }
    }

    fn read_message(&self, message: &[u8]) -> Result<Envelope, Unreadable> {
        let ((endings, token, place), rest): (Head, _) =
            postcard::take_from_bytes(&message[1..]).map_err(|_| Unreadable)?;
        if place != CHARGE {
            return bytes::read(&message[1..]);
        }
        let FirstCharge { key, amount, detail } = bytes::read(rest)?;
        let command = Charge { key, amount, overdraft: Overdraft::Deny, detail }.into();
        Ok(Envelope { endings, token, command })
    }

    fn answer(&self, command: &AnyCommand, answer: Vec<u8>) -> Result<Vec<u8>, Unreadable> {
        match read_answer(&answer)? {
            Ok(charged) if is_charge(command) => {
                let charged: Result<Charged, NotCharged> = bytes::read(charged)?;
                Ok(reply(&charged.map(|charged| charged.available)))
            }
            _ => Ok(answer),
        }
    }

    fn read_answer(&self, command: &AnyCommand, answer: &[u8]) -> Result<Vec<u8>, Unreadable> {
        match read_answer(answer)? {
            Ok(charged) if is_charge(command) => {
                let charged: FirstReply = bytes::read(charged)?;
                Ok(reply(&charged.map(|available| Charged { already: false, available })))
            }
            _ => Ok(answer.to_vec()),
        }
    }
}

fn charge(overdraft: Overdraft) -> Envelope {
    let charge = Charge { key: "k".into(), amount: Cents::new(3), overdraft, detail: "GET /".into() };
    let token = Some(Proof { hash: "00".into(), first: false });
    Envelope { endings: Vec::new(), token, command: charge.into() }
}

/// What an object of the first release answers, which knows nothing of the next.
fn first_object(message: &[u8]) -> Vec<u8> {
    match message {
        [1, rest @ ..] => {
            let ((_, _, place), rest) = postcard::take_from_bytes::<Head>(rest).unwrap();
            assert_eq!(place, CHARGE);
            let charge: FirstCharge = bytes::read(rest).unwrap();
            bytes::write_after(vec![1, 0, 0, 0, DONE], &FirstReply::Ok(Cents::new(10) - charge.amount))
        }
        _ => vec![CANNOT_READ, 1],
    }
}

#[test]
fn a_newer_worker_is_understood_by_an_older_object() {
    let envelope = charge(Overdraft::Deny);
    let back = first_object(&NEXT.message(2, &envelope).unwrap());
    assert_eq!(NEXT.read_back(2, &envelope.command, &back), Ok(Back::Again(1)));
    let back = first_object(&NEXT.message(1, &envelope).unwrap());
    let Ok(Back::Answer(_, answer)) = NEXT.read_back(1, &envelope.command, &back) else { panic!("no answer") };
    let charged = Charged { already: false, available: Cents::new(7) };
    assert_eq!(answer, reply(&Ok::<_, NotCharged>(charged)));
}

#[test]
fn an_older_worker_is_understood_by_a_newer_object() {
    let message = First.message(&charge(Overdraft::Deny)).unwrap();
    let (envelope, number) = NEXT.read_message(&message).unwrap();
    assert_eq!(number, 1);
    let AnyCommand::Account(AccountCommand::Charge(Charge { amount, overdraft, .. })) = &envelope.command else {
        panic!("another command");
    };
    assert_eq!((*amount, *overdraft), (Cents::new(3), Overdraft::Deny));
    let answer = reply(&Ok::<_, NotCharged>(Charged { already: true, available: Cents::new(7) }));
    let answer = NEXT.answer(number, &envelope.command, Receipt::default(), answer);
    assert_eq!((&answer[..5], bytes::read(&answer[5..])), (&[1, 0, 0, 0, DONE][..], Ok(FirstReply::Ok(Cents::new(7)))));
}

#[test]
fn what_did_not_change_is_said_and_understood_as_before() {
    let envelope = Envelope { endings: Vec::new(), token: None, command: Settle.into() };
    let message = PROTOCOL.message(1, &envelope).unwrap();
    assert_eq!(NEXT.message(1, &envelope).as_ref(), Some(&message));
    let (envelope, number) = NEXT.read_message(&message).unwrap();
    let receipt = Receipt { life: 7, group: 300, written: 299 };
    let answer = NEXT.answer(number, &envelope.command, receipt, reply(&()));
    assert_eq!(PROTOCOL.read_back(1, &envelope.command, &answer), Ok(Back::Answer(receipt, reply(&()))));
}

#[test]
fn what_the_release_before_had_no_words_for_is_not_said() {
    let stats = Envelope { endings: Vec::new(), token: None, command: ReadStats.into() };
    for envelope in [stats, charge(Overdraft::Allow)] {
        assert!(NEXT.message(2, &envelope).is_some());
        assert_eq!(NEXT.message(1, &envelope), None);
    }
    assert_eq!(NEXT.message(9, &charge(Overdraft::Deny)), None, "nor what one after the next would");
}

#[test]
fn what_nobody_understands_is_answered_by_what_would_be_understood() {
    let message = NEXT.message(2, &charge(Overdraft::Deny)).unwrap();
    for unreadable in [&[][..], &[2], &[9, 1, 2], &message[..message.len() - 1]] {
        assert_eq!(NEXT.read_message(unreadable).unwrap_err(), [CANNOT_READ, 2]);
    }
    let command = Settle.into();
    assert_eq!(NEXT.read_back(2, &command, &[1, 0]), Err(Unreadable), "an answer to another message");
}
