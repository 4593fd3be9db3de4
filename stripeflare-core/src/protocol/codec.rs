//! How messages and answers are written as bytes: the number of the protocol, then the value.
//!
//! Objects keep the code of one release for minutes after the next one was deployed, and longer in a gradual deployment. So
//! every release also reads and writes what the one before it did, as its [`Predecessor`] says. An object that cannot read
//! a message answers the highest number that it reads, and the message is sent again in that.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::bytes::{self, Unreadable};
use crate::protocol::{Answer, AnyCommand, Envelope, NotDone};

/// Goes before the highest number that an object reads, where an answer has its own.
const CANNOT_READ: u8 = 0;

/// What travelled before this release changed it.
pub trait Predecessor: Sync {
    /// The number before ours.
    fn number(&self) -> u8;

    /// A message in its words; `None`: it has none for it.
    fn message(&self, envelope: &Envelope) -> Option<Vec<u8>>;

    fn read_message(&self, message: &[u8]) -> Result<Envelope, Unreadable>;

    /// An answer of ours in its words, without the number.
    fn answer(&self, command: &AnyCommand, answer: Vec<u8>) -> Result<Vec<u8>, Unreadable>;

    /// The other way.
    fn read_answer(&self, command: &AnyCommand, answer: &[u8]) -> Result<Vec<u8>, Unreadable>;
}

/// The forms that a release reads and writes.
pub struct Protocol {
    number: u8,
    before: Option<&'static dyn Predecessor>,
}

/// Those of this release. Whoever changes what travels raises the number, and keeps what travelled as its predecessor.
pub const PROTOCOL: Protocol = Protocol { number: 1, before: None };

/// What came back for a message.
#[derive(Debug, PartialEq, Eq)]
pub enum Back {
    /// An answer, as [`read_answer`] takes it.
    Answer(Vec<u8>),
    /// The object cannot read the message; it is to be sent in this form.
    Again(u8),
}

impl Protocol {
    pub fn number(&self) -> u8 {
        self.number
    }

    fn before(&self, number: u8) -> Option<&'static dyn Predecessor> {
        self.before.filter(|before| before.number() == number)
    }

    /// A message in one of the forms; `None`: it cannot be said in that.
    pub fn message(&self, number: u8, envelope: &Envelope) -> Option<Vec<u8>> {
        match self.before(number) {
            Some(before) => before.message(envelope),
            None => (number == self.number).then(|| bytes::write_after(vec![number], envelope)),
        }
    }

    /// What an object is to do, and in which form it answers; `Err` is the answer to what it cannot read.
    pub fn read_message(&self, message: &[u8]) -> Result<(Envelope, u8), Vec<u8>> {
        let read = match message {
            [number, envelope @ ..] if *number == self.number => {
                bytes::read(envelope).map(|envelope| (envelope, *number))
            }
            [number, ..] => self
                .before(*number)
                .ok_or(Unreadable)
                .and_then(|before| before.read_message(message))
                .map(|envelope| (envelope, *number)),
            [] => Err(Unreadable),
        };
        read.map_err(|Unreadable| vec![CANNOT_READ, self.number])
    }

    /// An object's answer in the form of the message.
    pub fn answer(&self, number: u8, command: &AnyCommand, answer: Vec<u8>) -> Vec<u8> {
        let answer = match self.before(number) {
            Some(before) => before.answer(command, answer),
            None => Ok(answer),
        };
        match answer {
            Ok(answer) => [&[number], answer.as_slice()].concat(),
            Err(Unreadable) => vec![CANNOT_READ, self.number],
        }
    }

    /// What came back for a message in one of the forms.
    pub fn read_back(&self, number: u8, command: &AnyCommand, back: &[u8]) -> Result<Back, Unreadable> {
        match back {
            [CANNOT_READ, highest] => Ok(Back::Again(*highest)),
            [form, answer @ ..] if *form == number => match self.before(number) {
                Some(before) => before.read_answer(command, answer).map(Back::Answer),
                None => Ok(Back::Answer(answer.to_vec())),
            },
            _ => Err(Unreadable),
        }
    }
}

/// An answer that a command was carried out.
pub(crate) fn reply<R: Serialize>(reply: &R) -> Vec<u8> {
    bytes::write(&Answer::Ok(reply))
}

/// An answer that it was not.
pub fn not_done(why: NotDone) -> Vec<u8> {
    bytes::write(&Answer::<()>::Err(why))
}

pub fn read_answer<R: DeserializeOwned>(answer: &[u8]) -> Result<Answer<R>, Unreadable> {
    bytes::read(answer)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::account::{Charge, Charged, Ending, NotCharged, Overdraft};
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

    type FirstAnswer = Answer<Result<Cents, NotCharged>>;

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
            if !is_charge(command) {
                return Ok(answer);
            }
            let answer: Answer<Result<Charged, NotCharged>> = bytes::read(&answer)?;
            Ok(bytes::write(&answer.map(|charged| charged.map(|charged| charged.available))))
        }

        fn read_answer(&self, command: &AnyCommand, answer: &[u8]) -> Result<Vec<u8>, Unreadable> {
            if !is_charge(command) {
                return Ok(answer.to_vec());
            }
            let charged = |available| Charged { already: false, available };
            Ok(bytes::write(&bytes::read::<FirstAnswer>(answer)?.map(|answer| answer.map(charged))))
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
                bytes::write_after(vec![1], &FirstAnswer::Ok(Ok(Cents::new(10) - charge.amount)))
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
        let Ok(Back::Answer(answer)) = NEXT.read_back(1, &envelope.command, &back) else { panic!("no answer") };
        let charged = Charged { already: false, available: Cents::new(7) };
        assert_eq!(read_answer::<Result<Charged, NotCharged>>(&answer), Ok(Ok(Ok(charged))));
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
        let answer = NEXT.answer(number, &envelope.command, answer);
        assert_eq!((answer[0], bytes::read(&answer[1..])), (1, Ok(FirstAnswer::Ok(Ok(Cents::new(7))))));
    }

    #[test]
    fn what_did_not_change_is_said_and_understood_as_before() {
        let envelope = Envelope { endings: Vec::new(), token: None, command: Settle.into() };
        let message = PROTOCOL.message(1, &envelope).unwrap();
        assert_eq!(NEXT.message(1, &envelope).as_ref(), Some(&message));
        let (envelope, number) = NEXT.read_message(&message).unwrap();
        let answer = NEXT.answer(number, &envelope.command, reply(&()));
        assert_eq!(PROTOCOL.read_back(1, &envelope.command, &answer), Ok(Back::Answer(reply(&()))));
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
}
