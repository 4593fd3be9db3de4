//! The wallet, and the aggregate that it tells, against a model of them that shares no code with them, through random
//! histories: of what customers and Stripe do, of messages that are lost or late, of a clock that goes back, of statements that
//! fail and of a full database.
//!
//! `STRIPEFLARE_MODEL_STEPS` says how many steps to take in all.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest, prop_state_machine};

use super::histories;
use crate::account::{
    CALLERS_KEY, Cap, Caps, Charge, Claim, Credit, DELIVERY_MS, Denied, Ending, HoldId, IdempotencyKey, KeptAnswer,
    Kind, MAX_HOLDS, Memory, NewToken, NotCharged, NotClosed, NotReserved, Outcome, Overdraft, Report, Reversal,
    Settled, Short, Snapshot, Spender, Wallet,
};
use crate::aggregate::mirror;
use crate::clock::{DAY_MS, Millis};
use crate::error::WalletError;
use crate::identity::{AccountId, Proof};
use crate::money::Cents;
use crate::schema::{Schema, migrate};
use crate::sql::{NoSql, Reader, Row, Sql, SqlError, Value};
use crate::tables::Role;
use crate::testing::database;

const SEED: u64 = 20_261_124;
const STEPS_PER_HISTORY: usize = 200;
const SCHEMA: Schema = Schema::of::<()>();

/// One thing that happens. Small numbers name holds, keys, payments and reversals, so that histories meet themselves.
#[derive(Clone, Debug, PartialEq)]
enum Step {
    Credit {
        payment: u8,
        units: i64,
        /// Of tax and shipping.
        extra: i64,
        /// Stripe says of which PaymentIntent it is.
        named: bool,
    },
    Reserve {
        hold: u16,
        units: i64,
        seconds: u32,
        token: u8,
        /// The caller's key, and whether the call that it is sent with is another one.
        key: Option<(u8, bool)>,
    },
    Capture {
        hold: u16,
        per_mille: i64,
    },
    Release {
        hold: u16,
    },
    /// Endings that came together, in one transaction.
    Endings(Vec<Step>),
    Renew {
        hold: u16,
        per_mille: i64,
        seconds: u32,
    },
    Charge {
        key: u8,
        units: i64,
        overdraft: bool,
        token: u8,
    },
    Reverse {
        payment: u8,
        reversal: u8,
        dispute: bool,
        units: i64,
        taken_per_mille: i64,
        closed: bool,
        moves: u32,
        at: i64,
    },
    Wait {
        ms: Millis,
    },
    /// The clock goes back.
    Back {
        ms: Millis,
    },
    Fold,
    End {
        token: u8,
    },
    Close {
        forfeit: bool,
    },
    /// The aggregate is told, or is not, or is and nobody hears of that; or a message comes that was on its way for long.
    Tell(Way),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    Arrives,
    IsLost,
    AnswerIsLost,
    IsLate,
}

/// What a step came to, in words both sides can say.
#[derive(Clone, Debug, PartialEq)]
enum Said {
    Done,
    Credited(bool),
    Held,
    Renewed(bool),
    HoldReused,
    NotReserved(NotReserved),
    NotCharged(NotCharged),
    Settled(Settled),
    Charged { already: bool },
    Reversed(bool),
    Denied(Denied),
    Closed(Result<(), NotClosed>),
    Several(Vec<Said>),
    Overflow,
}

#[derive(Clone, Debug, Default)]
struct Model {
    now: Millis,
    /// The latest that it was.
    latest: Millis,
    /// What was credited, and what was paid.
    payments: BTreeMap<u8, (i64, i64)>,
    /// Payments of which Stripe did not say the PaymentIntent.
    unnamed: BTreeSet<u8>,
    reversals: BTreeMap<(bool, u8), Known>,
    holds: BTreeMap<u16, Held>,
    /// Amount and time.
    captures: BTreeMap<u16, (i64, Millis)>,
    /// When each hold was first asked for.
    began: BTreeMap<u16, Millis>,
    charges: BTreeMap<u8, i64>,
    /// When each charge that does not keep its key for good was first asked for.
    asked: BTreeMap<u8, Millis>,
    /// What each token has spent in all, and on the latest day on which it spent.
    spent: BTreeMap<u8, (i64, i64, i64)>,
    /// Calls and what they cost, by day and route.
    usage: BTreeMap<(i64, &'static str), (i64, i64)>,
    /// The same by token, too.
    by_token: BTreeMap<(i64, &'static str, u8), (i64, i64)>,
    ended: BTreeSet<u8>,
    /// Of each token's keys: the hold that it names, whether it was sent with another call, and until when.
    keys: BTreeMap<String, (u16, bool, Millis)>,
    /// Under which key a worker holds, and whose answers are kept.
    key_of: BTreeMap<u16, String>,
    answers: BTreeSet<u16>,
    closed: bool,
    said: Option<Said>,
}

#[derive(Clone, Debug)]
struct Held {
    units: i64,
    expires_at: Millis,
    reported: i64,
    ended: bool,
    token: u8,
}

#[derive(Clone, Debug)]
struct Known {
    payment: u8,
    units: i64,
    taken: i64,
    closed: bool,
    moves: u32,
    at: i64,
}

/// What each token may spend on one day and in all; 0 is no token.
const CAPS: [[Option<i64>; 2]; 4] =
    [[None, None], [Some(1_000_000), None], [None, Some(3_000_000)], [Some(700_000), Some(4_000_000)]];

/// The first day on which one of them opens nothing any more.
const EXPIRES: (u8, Millis) = (2, START + 120 * DAY_MS);
const START: Millis = 1_800_000_000_000;
/// No clock goes back further.
const BACK_MS: Millis = 60 * 60 * 1_000;

/// The key as the account knows it.
fn key_name(token: u8, key: u8) -> String {
    if token == 0 { key.to_string() } else { format!("{key} {}", token_id(token)) }
}

fn answer(hold: u16) -> KeptAnswer {
    KeptAnswer { status: 200, headers: Vec::new(), body: hold.to_be_bytes().to_vec() }
}

/// Whether a charge is of a key that its author chose. Of the others callers chose some.
fn keeps_key(key: u8) -> bool {
    key.is_multiple_of(3)
}

fn token_id(token: u8) -> String {
    format!("t{token}")
}

/// What goes back of a credit, counted in ten-thousandths of a cent, when so much of the payment does.
fn share(credited: i64, paid: i64, back: i64) -> i64 {
    if back >= paid {
        return credited;
    }
    if credited == paid {
        return back;
    }
    // The whole cents that are nearest, found by counting up from those below.
    let exact = i128::from(credited) * i128::from(back);
    let (paid, below) = (i128::from(paid), exact / i128::from(paid) / 10_000);
    let nearest = if exact - below * 10_000 * paid >= (below + 1) * 10_000 * paid - exact { below + 1 } else { below };
    i64::try_from(nearest * 10_000).unwrap().min(credited)
}

impl Model {
    fn today(&self) -> i64 {
        self.now.div_euclid(DAY_MS)
    }

    fn spent_today(&self, token: u8) -> i64 {
        self.spent.get(&token).filter(|(_, day, _)| *day >= self.today()).map_or(0, |(_, _, units)| *units)
    }

    fn spend(&mut self, token: u8, units: i64, route: &'static str) {
        let (today, day) = (self.today(), self.spent_today(token));
        let (calls, amount) = self.usage.entry((today, route)).or_default();
        (*calls, *amount) = (*calls + 1, *amount + units);
        let (calls, amount) = self.by_token.entry((today, route, token)).or_default();
        (*calls, *amount) = (*calls + 1, *amount + units);
        if !self.ended.contains(&token) {
            let (all, latest, _) = self.spent.get(&token).copied().unwrap_or((0, today, 0));
            self.spent.insert(token, (all + units, latest.max(today), day + units));
        }
    }

    /// What a key stands for, as a hold is about to take it.
    fn claim(&self, name: &str, hold: u16, another: bool) -> Claim {
        let Some((named, sent, until)) = self.keys.get(name) else { return Claim::Free };
        let held = &self.holds[named];
        let claim = match named {
            _ if *until <= self.now => return Claim::Free,
            named if !held.ended && held.expires_at > self.now => {
                if *named == hold {
                    Claim::Free
                } else {
                    Claim::Running
                }
            }
            named if self.answers.contains(named) => Claim::Answered(answer(*named)),
            named if self.captures.contains_key(named) => Claim::Gone,
            _ => Claim::Free,
        };
        if claim != Claim::Free && *sent != another { Claim::Other } else { claim }
    }

    /// Why a token opens nothing.
    fn denied(&self, token: u8) -> Option<Denied> {
        if self.ended.contains(&token) {
            return Some(Denied::Wrong);
        }
        (token == EXPIRES.0 && self.now >= EXPIRES.1).then_some(Denied::Expired)
    }

    fn cap_on(&self, token: u8, units: i64) -> Option<Short> {
        let held: i64 = self.open().filter(|hold| hold.token == token).map(|hold| hold.units).sum();
        let [day, total] = CAPS[usize::from(token)];
        let [day, total] = if self.ended.contains(&token) { [None; 2] } else { [day, total] };
        let in_all = self.spent.get(&token).map_or(0, |spent| spent.0);
        for (cap, limit, spent) in [(Cap::Day, day, self.spent_today(token)), (Cap::Total, total, in_all)] {
            let Some(limit) = limit else { continue };
            let left = (limit - spent).max(0);
            if left - held < units {
                let (limit, left) = (Cents::from_units(limit), Cents::from_units(left));
                return Some(Short::TokenCap { cap, limit, left });
            }
        }
        None
    }

    fn capture(&mut self, hold: u16, units: i64) {
        self.captures.insert(hold, (units, self.now));
        self.spend(self.holds[&hold].token, units, "GET /");
    }

    fn of_payment(&self, payment: u8) -> (i64, i64) {
        let (credited, paid) = self.payments.get(&payment).copied().unwrap_or((0, 1));
        let (mut back, mut disputed) = (0_i64, 0_i64);
        for known in self.reversals.values().filter(|known| known.payment == payment) {
            back += known.taken;
            disputed += if known.closed { 0 } else { known.units - known.taken };
        }
        let taken = share(credited, paid, back);
        (taken, share(credited, paid, back + disputed) - taken)
    }

    fn frozen(&self) -> i64 {
        self.payments.keys().map(|payment| self.of_payment(*payment).1).sum()
    }

    fn balance(&self) -> i64 {
        let credits: i64 = self.payments.values().map(|(credited, _)| credited).sum();
        let taken: i64 = self.payments.keys().map(|payment| self.of_payment(*payment).0).sum();
        credits
            - taken
            - self.captures.values().map(|(units, _)| units).sum::<i64>()
            - self.charges.values().sum::<i64>()
    }

    fn open(&self) -> impl Iterator<Item = &Held> {
        self.holds.values().filter(|hold| !hold.ended && hold.expires_at > self.now)
    }

    fn spendable(&self) -> i64 {
        self.balance() - self.frozen()
    }

    fn available(&self) -> i64 {
        self.spendable() - self.open().map(|hold| hold.units).sum::<i64>()
    }

    fn insufficient(&self) -> Short {
        let (balance, available) = (Cents::from_units(self.spendable()), Cents::from_units(self.available()));
        Short::Insufficient { balance, available }
    }

    fn step(&mut self, step: &Step) -> Said {
        match *step {
            Step::Back { ms } => {
                self.now -= ms;
                Said::Done
            }
            Step::Tell(_) => Said::Done,
            Step::End { token } => {
                self.ended.insert(token);
                Said::Done
            }
            Step::Close { forfeit } => {
                if self.open().next().is_some() {
                    return Said::Closed(Err(NotClosed::CallsRunning));
                }
                let left = self.available().max(0);
                if left > 0 && !forfeit {
                    return Said::Closed(Err(NotClosed::MoneyLeft { amount: Cents::from_units(left) }));
                }
                self.closed = true;
                self.ended.extend(1..4);
                self.keys.clear();
                Said::Closed(Ok(()))
            }
            Step::Endings(ref endings) => Said::Several(endings.iter().map(|ending| self.step(ending)).collect()),
            Step::Wait { ms } => {
                self.now += ms;
                self.latest = self.latest.max(self.now);
                let mut over = Vec::new();
                for (id, hold) in &mut self.holds {
                    if !hold.ended && hold.reported > 0 && hold.expires_at <= self.now {
                        hold.ended = true;
                        over.push((*id, hold.reported));
                    }
                }
                for (id, reported) in over {
                    self.capture(id, reported);
                }
                Said::Done
            }
            Step::Fold => {
                self.keys.retain(|_, (.., until)| *until > self.now);
                Said::Done
            }
            Step::Credit { payment, units, extra, named } => {
                if self.payments.contains_key(&payment) {
                    return Said::Credited(false);
                }
                self.payments.insert(payment, (units, (units + extra).min(Cents::MAX.units())));
                if !named {
                    self.unnamed.insert(payment);
                }
                Said::Credited(true)
            }
            Step::Reserve { token, .. } | Step::Charge { token, .. } if self.denied(token).is_some() => {
                Said::Denied(self.denied(token).expect("why it is"))
            }
            Step::Reserve { hold, units, seconds, token, key } => {
                let began = *self.began.entry(hold).or_insert(self.now);
                let key = key.map(|(key, another)| (key_name(token, key), another));
                if let Some((name, another)) = &key {
                    let claim = self.claim(name, hold, *another);
                    if claim != Claim::Free {
                        return Said::NotReserved(NotReserved::Claimed(claim));
                    }
                }
                if let Some(open) = self.holds.get(&hold) {
                    if open.units != units {
                        return Said::HoldReused;
                    }
                    self.keys.extend(key.map(|(name, another)| (name, (hold, another, self.now + DAY_MS))));
                    return Said::Held;
                }
                if self.open().count() >= MAX_HOLDS {
                    let available = Cents::from_units(self.available());
                    return Said::NotReserved(NotReserved::TooManyHolds { available });
                }
                if let Some(short) = self.cap_on(token, units) {
                    return Said::NotReserved(short.into());
                }
                if self.available() < units {
                    return Said::NotReserved(self.insufficient().into());
                }
                let expires_at = (self.now + Millis::from(seconds) * 1_000 + DELIVERY_MS).min(began + DAY_MS);
                self.holds.insert(hold, Held { units, expires_at, reported: 0, ended: false, token });
                if let Some((name, another)) = key {
                    self.keys.insert(name.clone(), (hold, another, self.now + DAY_MS));
                    self.key_of.insert(hold, name);
                }
                Said::Held
            }
            Step::Capture { hold, per_mille } => {
                let Some(held) = self.holds.get(&hold).cloned() else { return Said::Settled(Settled::Gone) };
                let units = held.units * per_mille / 1_000;
                let key = self.key_of.get(&hold);
                if key.is_some_and(|key| self.keys.get(key).is_none_or(|(named, ..)| *named != hold)) {
                    return Said::Settled(Settled::Gone);
                }
                let has_key = key.is_some();
                if !held.ended && held.expires_at > self.now {
                    if let Some(held) = self.holds.get_mut(&hold) {
                        held.ended = true;
                    }
                    if units > 0 {
                        self.capture(hold, units);
                        self.answers.extend(has_key.then_some(hold));
                    }
                    return Said::Settled(Settled::Captured);
                }
                if self.now - self.began[&hold] >= DAY_MS {
                    return Said::Settled(Settled::Gone);
                }
                if self.captures.contains_key(&hold) {
                    return Said::Settled(Settled::AlreadyCaptured);
                }
                if units == 0 {
                    return Said::Settled(Settled::Captured);
                }
                // Whoever asks for a capture has never released the hold.
                if self.available() < units || self.cap_on(held.token, units).is_some() {
                    return Said::Settled(Settled::Gone);
                }
                self.capture(hold, units);
                self.answers.extend(has_key.then_some(hold));
                Said::Settled(Settled::Captured)
            }
            Step::Renew { hold, per_mille, seconds } => {
                let now = self.now;
                let began = *self.began.entry(hold).or_insert(now);
                let open = self.holds.get_mut(&hold).filter(|hold| !hold.ended && hold.expires_at > now);
                let Some(open) = open else { return Said::Renewed(false) };
                open.reported = open.reported.max(open.units * per_mille / 1_000);
                let until = (now + Millis::from(seconds) * 1_000 + DELIVERY_MS).min(began + DAY_MS);
                open.expires_at = open.expires_at.max(until);
                Said::Renewed(true)
            }
            Step::Release { hold } => {
                self.began.entry(hold).or_insert(self.now);
                if !self.captures.contains_key(&hold)
                    && let Some(key) = self.key_of.get(&hold)
                    && self.keys.get(key).is_some_and(|(named, ..)| *named == hold)
                {
                    self.keys.remove(key);
                }
                if let Some(held) = self.holds.get_mut(&hold) {
                    held.ended = true;
                }
                Said::Settled(Settled::Released)
            }
            Step::Charge { key, units, overdraft, token } => {
                if !keeps_key(key) {
                    self.asked.entry(key).or_insert(self.now);
                }
                if let Some(before) = self.charges.get(&key) {
                    let same = *before == units;
                    return if same {
                        Said::Charged { already: true }
                    } else {
                        Said::NotCharged(NotCharged::KeyReused)
                    };
                }
                if let Some(short) = self.cap_on(token, units) {
                    return Said::NotCharged(short.into());
                }
                if self.closed {
                    let nothing = Short::Insufficient { balance: Cents::ZERO, available: Cents::ZERO };
                    return Said::NotCharged(nothing.into());
                }
                let available = self.available();
                if if overdraft { available <= 0 } else { available < units } {
                    return Said::NotCharged(self.insufficient().into());
                }
                self.charges.insert(key, units);
                self.spend(token, units, "job");
                Said::Charged { already: false }
            }
            Step::Reverse { payment, reversal, dispute, units, taken_per_mille, closed, moves, at } => {
                let known = self.reversals.get(&(dispute, reversal));
                let payment = known.map_or(payment, |known| known.payment);
                if !self.payments.contains_key(&payment) || self.unnamed.contains(&payment) {
                    return Said::Reversed(false);
                }
                let taken = units * taken_per_mille / 1_000;
                let told = Known { payment, units, taken, closed, moves, at };
                let known = self.reversals.entry((dispute, reversal)).or_insert_with(|| told.clone());
                let order = |fact: &Known| (fact.moves, fact.at, fact.closed, fact.taken, fact.units);
                if order(&told) > order(known) {
                    *known = told;
                }
                Said::Reversed(true)
            }
        }
    }
}

impl ReferenceStateMachine for Model {
    type State = Self;
    type Transition = Step;

    fn init_state() -> BoxedStrategy<Self> {
        Just(Self { now: START, latest: START, ..Self::default() }).boxed()
    }

    fn transitions(state: &Self) -> BoxedStrategy<Step> {
        // Mostly the newest holds, one of them new.
        let newest = u16::try_from(state.holds.len()).expect("fewer than 200 holds");
        let hold = prop_oneof![4 => newest.saturating_sub(6)..=newest, 1 => 0..=newest];
        let units =
            prop_oneof![8 => 1..2_000_000_i64, 1 => Just(1_i64), 1 => (Cents::MAX.units() - 9)..=Cents::MAX.units()];
        let small = 1..400_000_i64;
        let token = prop_oneof![1 => Just(0_u8), 1 => 1..4_u8];
        prop_oneof![
            3 => (0..12_u8, units, prop_oneof![Just(0), 1..600_000_i64], prop::bool::weighted(0.9))
                .prop_map(|(payment, units, extra, named)| Step::Credit { payment, units, extra, named }),
            8 => (
                (hold.clone(), small.clone(), 1..120_u32, token.clone()),
                prop::option::weighted(0.4, (0..6_u8, prop::bool::weighted(0.1))),
            )
                .prop_map(|((hold, units, seconds, token), key)| Step::Reserve { hold, units, seconds, token, key }),
            8 => (hold.clone(), prop_oneof![Just(1_000), 0..=1_000_i64])
                .prop_map(|(hold, per_mille)| Step::Capture { hold, per_mille }),
            3 => hold.clone().prop_map(|hold| Step::Release { hold }),
            2 => prop::collection::vec((hold.clone(), prop::option::of(0..=1_000_i64)), 2..5).prop_map(|endings| {
                // Of one hold there is one ending.
                let endings: BTreeMap<_, _> = endings.into_iter().collect();
                let ending = |(hold, per_mille): (u16, Option<i64>)| match per_mille {
                    Some(per_mille) => Step::Capture { hold, per_mille },
                    None => Step::Release { hold },
                };
                Step::Endings(endings.into_iter().map(ending).collect())
            }),
            5 => (hold, prop_oneof![Just(0), 0..=1_000_i64], 1..120_u32)
                .prop_map(|(hold, per_mille, seconds)| Step::Renew { hold, per_mille, seconds }),
            3 => (0..60_u8, small.clone(), any::<bool>(), token)
                .prop_map(|(key, units, overdraft, token)| Step::Charge { key, units, overdraft, token }),
            4 => (
                (0..12_u8, 0..12_u8, any::<bool>()),
                (1..2_000_000_i64, prop_oneof![Just(0), Just(1_000), 0..=1_000_i64]),
                (any::<bool>(), 0..4_u32, 0..4_i64),
            )
                .prop_map(|((payment, reversal, dispute), (units, taken_per_mille), (closed, moves, at))| Step::Reverse {
                    payment, reversal, dispute, units, taken_per_mille, closed, moves, at,
                }),
            2 => prop_oneof![4 => 0..1_000_i64, 4 => 0..200_000_i64, 1 => 0..100 * DAY_MS].prop_map(|ms| Step::Wait { ms }),
            1 => (1..=BACK_MS).prop_map(|ms| Step::Back { ms }),
            1 => Just(Step::Fold),
            3 => prop::sample::select(vec![Way::Arrives, Way::Arrives, Way::IsLost, Way::AnswerIsLost, Way::IsLate])
                .prop_map(Step::Tell),
            1 => prop_oneof![
                2 => (1..4_u8).prop_map(|token| Step::End { token }),
                3 => prop::bool::weighted(0.1).prop_map(|forfeit| Step::Close { forfeit }),
                20 => Just(Step::Tell(Way::Arrives)),
            ],
        ]
        .boxed()
    }

    fn preconditions(state: &Self, step: &Step) -> bool {
        match step {
            // Ids are chosen at random and never again once their hold has ended; asked again, it is the same call.
            Step::Reserve { hold, token, key, .. } => state.holds.get(hold).is_none_or(|held| {
                let name = key.map(|(key, _)| key_name(*token, key));
                !held.ended && held.expires_at > state.now && name.as_ref() == state.key_of.get(hold)
            }),
            // One ending per hold: nobody asks for a capture of what was released, nor, when its time is over, for nothing.
            // Nor for a charge of a call that was made long ago.
            Step::Charge { key, .. } => state.asked.get(key).is_none_or(|asked| state.now - asked < DAY_MS),
            Step::Capture { hold, per_mille } => state.holds.get(hold).is_some_and(|held| {
                let open = held.expires_at > state.now && !held.ended;
                open || state.captures.contains_key(hold) || (!held.ended && held.units * per_mille >= 1_000)
            }),
            Step::Endings(endings) => endings.iter().all(|ending| Self::preconditions(state, ending)),
            // An hour at most, and not so that something whose time was over is there again.
            Step::Back { ms } => {
                let then = state.now - ms;
                let again = |held: &Held| held.expires_at > then && held.expires_at <= state.now;
                let key_again = |until: Millis| until > then && until <= state.now;
                then >= state.latest - BACK_MS
                    && !state.holds.values().any(again)
                    && !state.keys.values().any(|(.., until)| key_again(*until))
            }
            Step::Close { .. } => !state.closed,
            _ => true,
        }
    }

    fn apply(mut state: Self, step: &Step) -> Self {
        let before = state.clone();
        let said = state.step(step);
        let fits = state.balance() <= Cents::MAX.units();
        if !fits {
            state = before;
        }
        state.said = Some(if fits { said } else { Said::Overflow });
        state
    }
}

/// The wallet on SQLite, and what its object remembers.
struct Real {
    sql: rusqlite::Connection,
    memory: Memory,
    worker: Worker,
    aggregate: rusqlite::Connection,
    /// A message that is on its way.
    late: Option<Snapshot>,
    steps: usize,
    before: Before,
}

/// What Stripe and workers remember, whose requests these are.
#[derive(Default)]
struct Worker {
    payment_of: BTreeMap<(bool, u8), u8>,
    holds: BTreeMap<u16, HoldId>,
    tokens: BTreeMap<u16, u8>,
    keys: BTreeMap<u16, String>,
    /// Of charges.
    names: BTreeMap<u8, String>,
}

/// What was stored before a step.
#[derive(Default)]
struct Before {
    balance: i64,
    entries: BTreeSet<String>,
    revision: i64,
    row: String,
    /// What is taken and frozen of payments, and their revisions.
    payments: BTreeMap<String, (i64, i64, i64)>,
}

/// A database of which one statement fails.
struct Failing<'a> {
    sql: &'a rusqlite::Connection,
    /// So many are carried out before; `None`: none fails.
    left: Cell<Option<usize>>,
}

impl Sql for Failing<'_> {
    fn run(&self, statement: &str, parameters: &[Value]) -> Result<Vec<Row>, SqlError> {
        match self.left.get() {
            Some(0) => return Err(SqlError("this statement fails".into())),
            Some(left) => self.left.set(Some(left - 1)),
            None => {}
        }
        self.sql.run(statement, parameters)
    }
}

/// What goes wrong with a step.
enum Trouble {
    None,
    /// A statement fails, after so many that do not.
    Statement(usize),
    /// The database may not grow.
    Full,
}

/// Calls and amounts, by day and route.
type Usages = BTreeMap<(i64, String), (i64, i64)>;

/// One message to the aggregate, on one of its ways.
fn tell(
    wallet: &mut Wallet<'_>,
    aggregate: &rusqlite::Connection,
    late: &mut Option<Snapshot>,
    way: Way,
) -> Result<Said, WalletError> {
    if way == Way::IsLate {
        if let Some(snapshot) = late.take() {
            mirror(aggregate, &SCHEMA, &snapshot, wallet.now)?;
        }
        return Ok(Said::Done);
    }
    wallet.write_row()?;
    while let Some(snapshot) = wallet.unsent()? {
        late.get_or_insert_with(|| snapshot.clone());
        if way != Way::IsLost {
            mirror(aggregate, &SCHEMA, &snapshot, wallet.now)?;
        }
        if way != Way::Arrives {
            break;
        }
        wallet.sent(&snapshot);
    }
    Ok(Said::Done)
}

/// One step on the account, as its object takes it.
fn run(
    sql: &dyn Sql,
    memory: &Memory,
    worker: &mut Worker,
    aggregate: &rusqlite::Connection,
    late: &mut Option<Snapshot>,
    now: Millis,
    step: &Step,
) -> Result<Said, WalletError> {
    let account = AccountId::from_hash(&[7; 32]);
    let mut wallet = Wallet::recall_or_register(memory.recall(), sql, &SCHEMA, now, &account)?;
    wallet.expire()?;
    if !step.is_of_a_call() {
        wallet.write_group()?;
    }
    let said = match step {
        Step::Tell(way) => tell(&mut wallet, aggregate, late, *way)?,
        step => worker.act(now, &mut wallet, step)?,
    };
    memory.note(wallet.into_known()?);
    Ok(said)
}

impl Step {
    fn is_of_a_call(&self) -> bool {
        self.is_brief() || matches!(self, Self::Renew { .. } | Self::Charge { .. })
    }

    /// What may be done in memory alone.
    fn is_brief(&self) -> bool {
        matches!(self, Self::Reserve { .. } | Self::Capture { .. } | Self::Release { .. } | Self::Endings(_))
    }
}

impl Worker {
    /// As [`HoldId::generate`] makes them, but known again: a hold's id begins with the time it was first asked for.
    fn hold_id(&mut self, now: Millis, hold: u16) -> HoldId {
        let id = || serde_json::from_value(serde_json::Value::String(format!("{now:012x}{hold:020x}"))).unwrap();
        self.holds.entry(hold).or_insert_with(id).clone()
    }

    fn ending(&mut self, now: Millis, hold: u16, outcome: Outcome) -> Ending {
        let token = self.tokens.get(&hold).map(|token| Spender { id: token_id(*token).into(), capped: true });
        Ending { hold: self.hold_id(now, hold), outcome, key: self.keys.get(&hold).cloned(), token }
    }

    fn act(&mut self, now: Millis, wallet: &mut Wallet<'_>, step: &Step) -> Result<Said, WalletError> {
        if let Step::Reserve { token, .. } | Step::Charge { token, .. } = *step
            && token > 0
            && let Err(denied) = wallet.authenticate(&Proof { hash: token_id(token), first: false })?
        {
            return Ok(Said::Denied(denied));
        }
        Ok(match *step {
            Step::Wait { .. } | Step::Back { .. } => Said::Done,
            Step::Tell(_) => unreachable!("it is between two objects"),
            Step::End { token } => {
                wallet.revoke(&token_id(token).into())?.unwrap();
                Said::Done
            }
            Step::Close { forfeit } => Said::Closed(wallet.close_account(&SCHEMA, "once", forfeit)?),
            Step::Endings(ref endings) => {
                let each = |ending| self.act(now, wallet, ending);
                Said::Several(endings.iter().map(each).collect::<Result<_, _>>()?)
            }
            Step::Fold => {
                while wallet.fold(3)? == Some(now) {}
                wallet.forget_answers()?;
                Said::Done
            }
            Step::Credit { payment, units, extra, named } => Said::Credited(wallet.credit(&Credit {
                account: AccountId::from_hash(&[7; 32]),
                key: format!("cs{payment}"),
                amount: Cents::from_units(units),
                paid: Some(Cents::from_units((units + extra).min(Cents::MAX.units()))),
                payment_intent: named.then(|| format!("pi{payment}")),
                payer: Default::default(),
            })?),
            Step::Reserve { hold, units, seconds, token, key } => {
                let id = self.hold_id(now, hold);
                let key = key.map(|(key, another)| {
                    wallet.of_caller(IdempotencyKey { key: key.to_string(), fingerprint: another.to_string() })
                });
                let claim = key.as_ref().map_or(Ok(Claim::Free), |key| wallet.claim(key, &id))?;
                if claim != Claim::Free {
                    return Ok(Said::NotReserved(NotReserved::Claimed(claim)));
                }
                let (amount, brief) = (Cents::from_units(units), hold % 3 > 0 && key.is_none());
                if let Err(refusal) = wallet.reserve_between(&id, amount, amount, seconds, brief)? {
                    return Ok(Said::NotReserved(refusal));
                }
                if let Some(key) = key {
                    wallet.name(&key, &id)?;
                    self.keys.insert(hold, key.key);
                }
                if token > 0 {
                    self.tokens.entry(hold).or_insert(token);
                }
                Said::Held
            }
            // `per_mille` holds the units by now, here and below: only the model knows what was held.
            Step::Capture { hold, per_mille } => {
                let outcome = Outcome::Capture { amount: Cents::from_units(per_mille), detail: "GET /".into() };
                let ending = self.ending(now, hold, outcome);
                let settled = wallet.settle(&ending)?;
                if settled == Settled::Captured && per_mille > 0 && ending.key.is_some() {
                    wallet.keep(&ending.hold, &answer(hold))?;
                }
                Said::Settled(settled)
            }
            Step::Renew { hold, per_mille, seconds } => {
                let report = Report { amount: Cents::from_units(per_mille), detail: "GET /".into() };
                Said::Renewed(wallet.renew(&self.hold_id(now, hold), &report, seconds)?)
            }
            Step::Release { hold } => Said::Settled(wallet.settle(&self.ending(now, hold, Outcome::Release))?),
            Step::Charge { key, units, overdraft, .. } => {
                let overdraft = if overdraft { Overdraft::Allow } else { Overdraft::Deny };
                let name = self.names.entry(key).or_insert_with(|| match key % 3 {
                    0 => format!("job:{key}"),
                    1 => format!("{CALLERS_KEY}{key}"),
                    _ => format!("{now:012x}{:020x}", 1_000 + u32::from(key)),
                });
                let (key, amount) = (name.clone(), Cents::from_units(units));
                match wallet.charge(&Charge { key, amount, overdraft, detail: "job".into() })? {
                    Ok(charged) => Said::Charged { already: charged.already },
                    Err(refusal) => Said::NotCharged(refusal),
                }
            }
            Step::Reverse { payment, reversal, dispute, units, taken_per_mille, closed, moves, at } => {
                let fact = Reversal {
                    kind: if dispute { Kind::Dispute } else { Kind::Refund },
                    id: reversal.to_string(),
                    amount: Cents::from_units(units),
                    taken: Cents::from_units(units * taken_per_mille / 1_000),
                    closed,
                    moves,
                    at,
                    disowned: false,
                };
                // A refund or dispute belongs to one payment for ever.
                let payment = self.payment_of.get(&(dispute, reversal)).copied().unwrap_or(payment);
                match wallet.reverse(&format!("pi{payment}"), &fact) {
                    Ok(()) => {
                        self.payment_of.insert((dispute, reversal), payment);
                        Said::Reversed(true)
                    }
                    Err(WalletError::UnknownPayment) => Said::Reversed(false),
                    Err(error) => return Err(error),
                }
            }
        })
    }
}

impl Real {
    fn step(&mut self, now: Millis, step: &Step) -> Said {
        self.steps += 1;
        let trouble = match self.steps % 8 {
            0 | 4 => Trouble::Statement(self.steps / 4 % 13),
            6 => Trouble::Full,
            _ => Trouble::None,
        };
        // Whoever asked hears of an error, and asks again.
        let said = self.try_to(now, step, &trouble).or_else(|_| self.try_to(now, step, &Trouble::None));
        match said {
            Ok(said) => said,
            Err(WalletError::Overflow) => Said::Overflow,
            Err(WalletError::HoldReused) => Said::HoldReused,
            Err(error) => panic!("{error}"),
        }
    }

    fn try_to(&mut self, now: Millis, step: &Step, trouble: &Trouble) -> Result<Said, WalletError> {
        let on_time = self.memory.due(now).is_none_or(|due| due > now);
        if matches!(trouble, Trouble::None) && step.is_brief() && on_time {
            let done = self
                .memory
                .attempt(|| run(&NoSql, &self.memory, &mut self.worker, &self.aggregate, &mut self.late, now, step));
            if let Ok(said) = done {
                return Ok(said);
            }
        }
        self.sql.execute_batch("BEGIN").unwrap();
        let pages = |most: i64| self.sql.execute_batch(&format!("PRAGMA max_page_count = {most}")).unwrap();
        if matches!(trouble, Trouble::Full) {
            pages(1);
        }
        let fails = if let Trouble::Statement(after) = trouble { Some(*after) } else { None };
        let sql = Failing { sql: &self.sql, left: Cell::new(fails) };
        let said = self
            .memory
            .attempt(|| run(&sql, &self.memory, &mut self.worker, &self.aggregate, &mut self.late, now, step));
        if said.is_ok() {
            self.sql.execute_batch("COMMIT").unwrap();
        } else {
            self.memory.forget();
            if !self.sql.is_autocommit() {
                self.sql.execute_batch("ROLLBACK").unwrap();
            }
        }
        if matches!(trouble, Trouble::Full) {
            self.sql.execute_batch("PRAGMA max_page_count = 1000000").unwrap();
        }
        said
    }

    /// Of the entries that a step wrote each has the balance after it, and what changed has another revision than before.
    fn compare_with_before(&mut self, step: &Step) {
        let texts = |select: &str| self.sql.run(select, &[]).unwrap();
        let mut left: Vec<(String, i64, i64)> = texts("SELECT key, amount, balance FROM entries WHERE kind <> 'fold'")
            .into_iter()
            .map(|row| {
                let mut row = Reader::new(row);
                (row.text().unwrap(), row.integer().unwrap(), row.integer().unwrap())
            })
            .filter(|(key, ..)| !self.before.entries.contains(key))
            .collect();
        let mut balance = self.before.balance;
        while let Some(place) = left.iter().position(|(_, amount, after)| balance + amount == *after) {
            let (key, _, after) = left.swap_remove(place);
            balance = after;
            self.before.entries.insert(key);
        }
        assert!(left.is_empty(), "after {step:?}, from {balance}: {left:?}");
        assert_eq!(balance, self.number("SELECT balance FROM users"), "{step:?}");
        self.before.balance = balance;

        let revision = self.number("SELECT revision FROM users");
        let row = format!("{:?}", texts("SELECT balance, frozen, closed FROM users"));
        let same = row == self.before.row || self.before.row.is_empty();
        assert!(revision >= self.before.revision && (same || revision > self.before.revision), "after {step:?}: {row}");
        let payments = texts("SELECT key, taken, frozen, revision FROM payments").into_iter().map(|row| {
            let mut row = Reader::new(row);
            let key = row.text().unwrap();
            (key, (row.integer().unwrap(), row.integer().unwrap(), row.integer().unwrap()))
        });
        let payments: BTreeMap<_, _> = payments.collect();
        for (key, (taken, frozen, of)) in &payments {
            assert!(*of <= revision, "{key} after {step:?}");
            let known = self.before.payments.get(key);
            assert!(
                known.is_none_or(|known| (known.0, known.1) == (*taken, *frozen) || known.2 < *of),
                "{key}: {step:?}"
            );
        }
        (self.before.revision, self.before.row, self.before.payments) = (revision, row, payments);
    }

    /// What it was told last is all there is.
    fn check_aggregate(&self, model: &Model) {
        let number = |select: &str| match self.aggregate.run(select, &[]).unwrap().pop().as_deref() {
            Some([Value::Integer(number)]) => *number,
            other => panic!("{select}: {other:?}"),
        };
        assert_eq!(number("SELECT COALESCE(SUM(balance), 0) FROM users"), model.balance());
        assert_eq!(number("SELECT COALESCE(SUM(frozen), 0) FROM users"), model.frozen());
        assert_eq!(number("SELECT COALESCE(SUM(closed), 0) FROM users"), i64::from(model.closed));
        assert_eq!(number("SELECT COUNT(*) FROM all_payments"), model.payments.len() as i64);
        for payment in model.payments.keys() {
            let select = |what: &str| number(&format!("SELECT {what} FROM all_payments WHERE key = 'cs{payment}'"));
            assert_eq!((select("taken"), select("frozen")), model.of_payment(*payment), "{payment}");
        }
        let rows = self.aggregate.run("SELECT day, route, calls, amount FROM all_usage", &[]).unwrap().into_iter();
        let read = |row| {
            let mut row = Reader::new(row);
            let of = (row.integer().unwrap(), row.text().unwrap());
            (of, (row.integer().unwrap(), row.integer().unwrap()))
        };
        let told: Usages = rows.map(read).collect();
        // What is older is not of accounts any more, and not taken in where nobody could be told of it for so long.
        let kept = |day: &i64| *day >= model.latest / DAY_MS - 90;
        let all = model.usage.iter().map(|((day, route), is)| ((*day, (*route).to_owned()), *is));
        let recent = |usages: Usages| usages.into_iter().filter(|((day, _), _)| kept(day)).collect::<Usages>();
        assert_eq!(recent(told), recent(all.collect()));
    }

    /// Each charge is in an entry or in a sum, of its day, label and token; and one balance leads to the next.
    fn check_lines(&self, model: &Model) {
        let select = "SELECT at / 86400000, detail, COALESCE(token, ''), SUM(calls), -SUM(amount) FROM entries
            WHERE kind IN ('capture', 'charge', 'fold') GROUP BY 1, 2, 3";
        let read = |row| {
            let mut row = Reader::new(row);
            let of = (row.integer().unwrap(), row.text().unwrap(), row.text().unwrap());
            (of, (row.integer().unwrap(), row.integer().unwrap()))
        };
        let lines: BTreeMap<_, _> = self.sql.run(select, &[]).unwrap().into_iter().map(read).collect();
        let name = |token: u8| if token == 0 { String::new() } else { token_id(token) };
        let expected = model.by_token.iter();
        let expected = expected.map(|((day, label, token), is)| ((*day, (*label).to_owned(), name(*token)), *is));
        assert_eq!(lines, expected.collect());
        let wallet = Wallet::load(&self.sql, &SCHEMA, model.now).unwrap().unwrap();
        let ledger = &wallet.account.ledger;
        let kept =
            "SELECT (SELECT COUNT(*) FROM grouped_entries) + (SELECT COUNT(*) FROM keyed_entries WHERE folds = 1)";
        assert_eq!(self.number(kept), ledger.lines);
        let start = format!("SELECT COALESCE(SUM(amount), 0) FROM entries WHERE place < {}", ledger.folded);
        let walk =
            format!("SELECT amount, balance FROM entries WHERE place >= {} ORDER BY place, number", ledger.folded);
        let mut balance = self.number(&start);
        for row in self.sql.run(&walk, &[]).unwrap() {
            let mut row = Reader::new(row);
            balance += row.integer().unwrap();
            assert_eq!(row.integer().unwrap(), balance, "the running balance");
        }
        assert_eq!(balance, model.balance());
        let youngest = self.number("SELECT COALESCE(MAX(day), 0) FROM entry_sums");
        assert!((youngest + 91) * DAY_MS <= model.latest, "{youngest} is folded too early");
    }

    fn number(&self, select: &str) -> i64 {
        match self.sql.run(select, &[]).unwrap().pop().as_deref() {
            Some([Value::Integer(number)]) => *number,
            other => panic!("{select}: {other:?}"),
        }
    }
}

impl StateMachineTest for Real {
    type SystemUnderTest = Self;
    type Reference = Model;

    fn init_test(model: &Model) -> Self {
        let sql = database();
        migrate(&sql, Role::Account, &SCHEMA).unwrap();
        let aggregate = database();
        migrate(&aggregate, Role::Aggregate, &SCHEMA).unwrap();
        let (worker, before) = Default::default();
        let memory = Memory::default();
        let mut real = Self { sql, memory, worker, aggregate, late: None, steps: 0, before };
        real.step(model.now, &Step::Wait { ms: 0 });
        let wallet = Wallet::load(&real.sql, &SCHEMA, model.now).unwrap().unwrap();
        for token in 1..4 {
            let [day, total] = CAPS[usize::from(token)].map(|cap| cap.map(Cents::from_units));
            let new = NewToken {
                id: token_id(token).into(),
                hash: token_id(token),
                label: token_id(token),
                manage: false,
                login: false,
                caps: Caps { day, total },
                expires_at: (token == EXPIRES.0).then_some(EXPIRES.1),
            };
            wallet.mint(&new).unwrap().unwrap();
        }
        real
    }

    fn apply(mut real: Self, model: &Model, step: Step) -> Self {
        let units = |hold: &u16, per_mille: i64| model.holds.get(hold).map_or(1, |held| held.units * per_mille / 1_000);
        let step = match step {
            Step::Capture { hold, per_mille } => Step::Capture { hold, per_mille: units(&hold, per_mille) },
            Step::Renew { hold, per_mille, seconds } => {
                Step::Renew { hold, per_mille: units(&hold, per_mille), seconds }
            }
            Step::Endings(endings) => {
                let of_model = |ending| match ending {
                    Step::Capture { hold, per_mille } => Step::Capture { hold, per_mille: units(&hold, per_mille) },
                    ending => ending,
                };
                Step::Endings(endings.into_iter().map(of_model).collect())
            }
            step => step,
        };
        // What has expired by now is in every sum before anything writes it.
        let known = real.memory.recall();
        if let (Step::Wait { .. }, Some(wallet)) =
            (&step, Wallet::recall(known, &real.sql, &SCHEMA, model.now).unwrap())
        {
            assert_eq!(wallet.available().unwrap().units(), model.available(), "before it is written");
        }
        assert_eq!(Some(real.step(model.now, &step)), model.said, "{step:?}");
        real.compare_with_before(&step);
        real.is_as_remembered(model.now);
        if step == Step::Tell(Way::Arrives) {
            real.check_aggregate(model);
        }
        real
    }

    fn check_invariants(real: &Self, model: &Model) {
        // As it is once what is pending is written.
        real.sql.execute_batch("BEGIN").unwrap();
        let known = real.memory.recall();
        Wallet::recall(known, &real.sql, &SCHEMA, model.now).unwrap().unwrap().write_group().unwrap();
        real.check_disk(model);
        real.sql.execute_batch("ROLLBACK").unwrap();
    }
}

impl Real {
    /// What is remembered is what the disk says, and what is pending.
    fn is_as_remembered(&self, now: Millis) {
        let known = self.memory.recall();
        let mut anew = known.clone();
        anew.forget();
        let read = Wallet::recall(anew, &self.sql, &SCHEMA, now).unwrap().unwrap();
        assert!(known.row.is_none_or(|row| row == read.account));
    }

    fn check_disk(&self, model: &Model) {
        let real = self;
        let balance = real.number("SELECT balance FROM users");
        assert_eq!(balance, real.number("SELECT COALESCE(SUM(amount), 0) FROM entries"), "balance = sum(entries)");
        assert_eq!(balance, model.balance());
        assert_eq!(
            real.number("SELECT frozen FROM users"),
            real.number("SELECT COALESCE(SUM(frozen), 0) FROM payments")
        );
        assert_eq!(real.number("SELECT COALESCE(SUM(frozen), 0) FROM users"), model.frozen());
        assert_eq!(
            real.number("SELECT COUNT(*) FROM payments WHERE taken < 0 OR frozen < 0 OR taken + frozen > amount"),
            0
        );
        let credits = real.number("SELECT COUNT(*) FROM entries WHERE kind = 'credit'");
        assert_eq!(credits, model.payments.len() as i64, "one entry per fact");
        if real.steps.is_multiple_of(5) {
            real.check_lines(model);
        }
        for token in (1..4).filter(|token| !model.ended.contains(token)) {
            let select =
                |what: &str| real.number(&format!("SELECT {what} FROM tokens WHERE id = '{}'", token_id(token)));
            let (all, day, today) = model.spent.get(&token).copied().unwrap_or_default();
            assert_eq!(select("spent_total"), all, "what the token {token} has spent");
            assert_eq!((select("spent_day_date"), select("spent_day")), (day, today), "and on its last day");
        }
        // Days that are over are kept until they are told.
        let wallet = Wallet::load(&real.sql, &SCHEMA, model.now).unwrap().unwrap();
        let told = wallet.account.usage.iter();
        let kept: Usages = told
            .map(|it| ((it.day, it.route.clone()), (i64::try_from(it.calls).unwrap(), it.amount.units())))
            .collect();
        let is_kept = |(day, _): &(i64, &str)| *day >= (model.latest - BACK_MS).div_euclid(DAY_MS);
        for (of, is) in model.usage.iter().filter(|(of, _)| is_kept(of)) {
            assert_eq!(kept.get(&(of.0, of.1.to_owned())), Some(is), "{of:?}");
        }
        for ((day, route), is) in kept {
            let of = model.usage.iter().find(|(of, _)| of.0 == day && of.1 == route);
            assert_eq!(of.map(|(_, is)| *is), Some(is), "{day} {route}");
        }
        assert_eq!(wallet.available().unwrap().units(), model.available());
    }
}

prop_state_machine! {
    #![proptest_config(histories("STRIPEFLARE_MODEL_STEPS", 60_000, STEPS_PER_HISTORY, SEED))]

    #[test]
    fn the_wallet_is_what_its_model_says(sequential STEPS_PER_HISTORY => Real);
}
