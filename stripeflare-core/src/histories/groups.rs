//! An account's object with its memory and its disk apart, and workers that send it calls and their endings, through random
//! histories: messages and replies are lost, endings come twice, transactions fail, timers are late, and the object dies between
//! any two steps. Nobody is charged twice, no payment is lost that was acknowledged, and what was not charged was in flight.
//!
//! `STRIPEFLARE_GROUPS_STEPS` says how many steps to take in all.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::histories;
use crate::account::{Credit, Ending, HoldId, Line, Outcome, Receipt};
use crate::bytes;
use crate::clock::Millis;
use crate::identity::Proof;
use crate::money::Cents;
use crate::protocol::account::{Lines, Read, Reserve, Settle};
use crate::protocol::native::NativeObject;
use crate::protocol::{Command, Envelope, codec, samples};
use crate::schema::Schema;

const SEED: u64 = 20_261_129;
const STEPS_PER_HISTORY: usize = 150;
const NOW: Millis = 1_800_000_000_000;
/// A hold that is older is on the disk.
const HOLD_MS: Millis = 1_000;

#[derive(Clone, Debug)]
enum Step {
    Credit {
        cents: i64,
    },
    /// A call begins; endings that wait may ride.
    Begin {
        cents: i64,
        brief: bool,
        rides: bool,
    },
    /// One of those that run ends, and costs so much of what is held.
    End {
        call: usize,
        per_mille: i64,
    },
    /// The worker sends what the account has not acknowledged, maybe without having heard of the last reply.
    Deliver,
    /// A command comes again, with all that it carried, so many after it.
    Again {
        back: usize,
    },
    Read,
    Wait {
        ms: Millis,
    },
    /// The object dies or is evicted.
    Dies,
}

/// What goes wrong on a message's way.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    Arrives,
    IsLost,
    ReplyIsLost,
    /// A statement fails, after so many that do not.
    Fails(usize),
}

struct Call {
    hold: HoldId,
    began: Millis,
    held: i64,
    /// What it was charged, once it was answered; nothing for a release.
    ended: Option<i64>,
    acknowledged: bool,
}

#[derive(Default)]
struct Seen {
    credits: Vec<i64>,
    calls: Vec<Call>,
    /// When the object died.
    deaths: Vec<Millis>,
    sent: Vec<Envelope>,
    taken: BTreeMap<HoldId, Receipt>,
    now: Millis,
}

struct World {
    object: NativeObject,
    seen: Seen,
}

impl World {
    fn new() -> Self {
        let world = Self { object: NativeObject::new(Schema::of::<()>()), seen: Seen { now: NOW, ..Seen::default() } };
        let mut world = world;
        world.credit(10);
        world
    }

    fn credit(&mut self, cents: i64) {
        let key = format!("cs{}", self.seen.credits.len());
        self.seen.credits.push(cents);
        let credit = || Credit {
            account: samples::id(),
            key: key.clone(),
            amount: Cents::new(cents),
            payment_intent: None,
            paid: None,
            payer: Default::default(),
        };
        // Stripe tries until it hears of it.
        for fate in [Fate::Fails(3), Fate::ReplyIsLost, Fate::Arrives] {
            self.send(None, Vec::new(), credit(), fate);
        }
    }

    /// Answers the reply, if one came.
    fn send<C: Command>(
        &mut self,
        token: Option<Proof>,
        endings: Vec<Ending>,
        command: C,
        fate: Fate,
    ) -> Option<C::Reply> {
        let envelope = Envelope { endings, token, command: command.into() };
        let answer = self.carry(&envelope, fate);
        self.seen.sent.push(envelope);
        Some(bytes::read(codec::read_answer(&answer?).unwrap().ok()?).unwrap())
    }

    fn carry(&mut self, envelope: &Envelope, fate: Fate) -> Option<Vec<u8>> {
        if fate == Fate::IsLost {
            return None;
        }
        if let Fate::Fails(after) = fate {
            self.object.fails_after.set(Some(after));
        }
        let answer = self.object.answer(envelope, self.seen.now);
        self.object.fails_after.set(None);
        let answer = answer.ok().filter(|_| fate != Fate::ReplyIsLost)?;
        let receipt = self.object.receipt();
        for ending in &envelope.endings {
            self.seen.taken.insert(ending.hold.clone(), receipt);
        }
        let on_disk = |of: &Receipt| of.life == receipt.life && of.group <= receipt.written;
        for call in &mut self.seen.calls {
            let done = call.ended.is_some() && self.seen.taken.get(&call.hold).is_some_and(on_disk);
            call.acknowledged |= done;
        }
        Some(answer)
    }

    /// What the worker keeps.
    fn endings(&self) -> Vec<Ending> {
        let kept = self.seen.calls.iter().filter(|call| !call.acknowledged);
        kept.filter_map(|call| {
            let outcome = match call.ended? {
                0 => Outcome::Release,
                units => Outcome::Capture { amount: Cents::from_units(units), detail: "GET /".into() },
            };
            Some(Ending { hold: call.hold.clone(), outcome, key: None, token: None })
        })
        .collect()
    }

    fn step(&mut self, step: &Step, fate: Fate) {
        match *step {
            Step::Credit { cents } => self.credit(cents),
            Step::Begin { cents, brief, rides } => {
                let hold = HoldId::generate(self.seen.now);
                let amount = Cents::new(cents);
                let (seconds, row, key) = (600, false, None);
                let command = Reserve { hold: hold.clone(), amount, least: amount, seconds, brief, row, key };
                let endings = if rides { self.endings() } else { Vec::new() };
                let token = Some(Proof { hash: "first".into(), first: true });
                if let Some(Ok(_)) = self.send(token, endings, command, fate) {
                    let (began, held) = (self.seen.now, amount.units());
                    self.seen.calls.push(Call { hold, began, held, ended: None, acknowledged: false });
                }
            }
            Step::End { call, per_mille } => {
                let mut running: Vec<_> = self.seen.calls.iter_mut().filter(|call| call.ended.is_none()).collect();
                let count = running.len();
                if count > 0 {
                    let call = &mut running[call % count];
                    call.ended = Some(call.held * per_mille / 1_000);
                }
            }
            Step::Deliver => {
                let endings = self.endings();
                self.send(None, endings, Settle, fate);
            }
            Step::Again { back } => {
                if let Some(place) = self.seen.sent.len().checked_sub(back) {
                    let envelope = self.seen.sent.remove(place);
                    self.carry(&envelope, fate);
                    self.seen.sent.insert(place, envelope);
                }
            }
            Step::Read => {
                self.send(None, Vec::new(), Read { account: samples::id() }, fate);
            }
            Step::Wait { ms } => {
                let until = self.seen.now + ms;
                // Its timer rings in time, unless a transaction fails: then it does so again.
                while let Some(due) = self.object.due(self.seen.now).filter(|due| *due <= until) {
                    self.seen.now = self.seen.now.max(due);
                    if let Fate::Fails(after) = fate {
                        self.object.fails_after.set(Some(after));
                        let _ = self.object.write_group(self.seen.now);
                        self.object.fails_after.set(None);
                    }
                    self.object.write_group(self.seen.now).unwrap();
                }
                self.seen.now = until;
            }
            Step::Dies => {
                self.object.dies();
                self.seen.deaths.push(self.seen.now);
            }
        }
        self.check();
    }

    /// What holds after each step, by the disk alone.
    fn check(&self) {
        self.object.is_as_remembered(self.seen.now);
        let lines = self.object.lines_on_disk();
        let sum: i64 = lines.iter().map(|line| line.amount.units()).sum();
        assert_eq!(sum, self.object.balance_on_disk(), "balance = sum(lines)");
        let credits: i64 = self.seen.credits.iter().map(|cents| Cents::new(*cents).units()).sum();
        let credited: i64 = lines.iter().filter(|line| line.kind == "credit").map(|line| line.amount.units()).sum();
        assert_eq!(credited, credits, "no acknowledged payment is lost");
        assert!(sum >= 0, "nothing is spent that was not there");
        for call in self.seen.calls.iter().filter(|call| call.acknowledged) {
            self.has_ended(call, &lines);
        }
    }

    /// Charged once, or free because it was in flight when the object died; answers whether it was free.
    fn has_ended(&self, call: &Call, lines: &[Line]) -> bool {
        let ended = call.ended.expect("an ending");
        let charged: Vec<i64> =
            lines.iter().filter(|line| line.key == call.hold.as_str()).map(|line| -line.amount.units()).collect();
        if ended == 0 || charged.is_empty() {
            assert!(charged.is_empty());
            let in_flight = |death: &Millis| (call.began..=call.began + HOLD_MS).contains(death);
            assert!(ended == 0 || self.seen.deaths.iter().any(in_flight), "its hold was on the disk");
            return ended > 0;
        }
        assert_eq!(charged, [ended], "charged once");
        false
    }

    /// All calls end, and everything is delivered.
    fn end(mut self) -> (usize, usize) {
        for call in &mut self.seen.calls {
            call.ended.get_or_insert(call.held);
        }
        let endings = self.endings();
        self.send(None, endings, Settle, Fate::Arrives).unwrap();
        assert!(self.seen.calls.iter().all(|call| call.acknowledged));
        self.check();
        let lines = self.send(None, Vec::new(), Lines { before: None, count: 1_000 }, Fate::Arrives).unwrap().unwrap();
        let free = self.seen.calls.iter().filter(|call| self.has_ended(call, &lines)).count();
        let charged = self.seen.calls.iter().filter(|call| call.ended.is_some_and(|units| units > 0)).count() - free;
        assert_eq!(lines.iter().filter(|line| line.kind == "capture").count(), charged, "and nothing else");
        (charged, free)
    }
}

fn steps() -> impl Strategy<Value = Vec<(Step, Fate)>> {
    let step = prop_oneof![
        1 => (1..20_i64).prop_map(|cents| Step::Credit { cents }),
        8 => (1..4_i64, prop::bool::weighted(0.85), any::<bool>())
            .prop_map(|(cents, brief, rides)| Step::Begin { cents, brief, rides }),
        8 => (any::<usize>(), prop_oneof![3 => Just(1_000), 1 => Just(0), 1 => 1..1_000_i64])
            .prop_map(|(call, per_mille)| Step::End { call, per_mille }),
        2 => Just(Step::Deliver),
        2 => (1..8_usize).prop_map(|back| Step::Again { back }),
        1 => Just(Step::Read),
        4 => prop_oneof![3 => 1..40_i64, 1 => 100..2_000_i64].prop_map(|ms| Step::Wait { ms }),
        1 => Just(Step::Dies),
    ];
    let fate = prop_oneof![
        6 => Just(Fate::Arrives),
        1 => Just(Fate::IsLost),
        1 => Just(Fate::ReplyIsLost),
        2 => (0..8_usize).prop_map(Fate::Fails),
    ];
    prop::collection::vec((step, fate), STEPS_PER_HISTORY)
}

#[test]
fn what_is_remembered_is_charged_once_or_was_in_flight_when_the_object_died() {
    let config = histories("STRIPEFLARE_GROUPS_STEPS", 15_000, STEPS_PER_HISTORY, SEED);
    let (mut charged, mut free) = (0, 0);
    let mut runner = proptest::test_runner::TestRunner::new(config);
    let totals = std::cell::RefCell::new((&mut charged, &mut free));
    runner
        .run(&steps(), |steps| {
            let mut world = World::new();
            for (step, fate) in steps {
                world.step(&step, fate);
            }
            let (more, less) = world.end();
            let mut totals = totals.borrow_mut();
            *totals.0 += more;
            *totals.1 += less;
            Ok(())
        })
        .unwrap();
    println!("{charged} calls charged, {free} free");
    assert!(charged > 20 * free && free > 0, "{charged} charged, {free} free");
}
