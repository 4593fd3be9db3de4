//! The wallet against a model of it that shares no code with it, through random histories.
//!
//! `STRIPEFLARE_MODEL_STEPS` says how many steps to take in all.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest, prop_state_machine};

use super::histories;
use crate::account::{
    Cap, Caps, Charge, Credit, DELIVERY_MS, Ending, HoldId, Kind, MAX_HOLDS, NewToken, NotCharged, NotReserved,
    Outcome, Overdraft, Report, Reversal, Settled, Short, Wallet,
};
use crate::clock::{DAY_MS, Millis};
use crate::error::WalletError;
use crate::identity::{AccountId, Proof};
use crate::money::Cents;
use crate::schema::{Schema, migrate};
use crate::sql::{Sql, Value};
use crate::tables::Role;
use crate::testing::database;

const SEED: u64 = 20_261_124;
const STEPS_PER_HISTORY: usize = 200;
const SCHEMA: Schema = Schema::of::<()>();

/// One thing that happens. Small numbers name holds, keys, payments and reversals, so that histories meet themselves.
#[derive(Clone, Debug)]
enum Step {
    Credit {
        payment: u8,
        units: i64,
        /// Of tax and shipping.
        extra: i64,
    },
    Reserve {
        hold: u16,
        units: i64,
        seconds: u32,
        token: u8,
    },
    Capture {
        hold: u16,
        per_mille: i64,
    },
    Release {
        hold: u16,
    },
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
    Fold,
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
    Overflow,
}

#[derive(Clone, Debug, Default)]
struct Model {
    now: Millis,
    /// What was credited, and what was paid.
    payments: BTreeMap<u8, (i64, i64)>,
    reversals: BTreeMap<(bool, u8), Known>,
    holds: BTreeMap<u16, Held>,
    /// Amount and time.
    captures: BTreeMap<u16, (i64, Millis)>,
    /// Captures that are no entries of their own any more.
    folded: BTreeSet<u16>,
    charges: BTreeMap<u8, i64>,
    /// What tokens have spent, and when.
    spent: Vec<(u8, i64, Millis)>,
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
    fn spent(&self, token: u8, of: impl Fn(Millis) -> bool) -> i64 {
        self.spent.iter().filter(|(by, _, at)| *by == token && of(*at)).map(|(_, units, _)| units).sum()
    }

    fn cap_on(&self, token: u8, units: i64) -> Option<Short> {
        let held: i64 = self.open().filter(|hold| hold.token == token).map(|hold| hold.units).sum();
        let [day, total] = CAPS[usize::from(token)];
        let today = self.spent(token, |at| at / DAY_MS == self.now / DAY_MS);
        for (cap, limit, spent) in [(Cap::Day, day, today), (Cap::Total, total, self.spent(token, |_| true))] {
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
        self.spent.push((self.holds[&hold].token, units, self.now));
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
            Step::Wait { ms } => {
                self.now += ms;
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
                let first_kept = self.now / DAY_MS - 90;
                let old = self.captures.iter().filter(|(_, (_, at))| at / DAY_MS < first_kept);
                self.folded.extend(old.map(|(hold, _)| *hold));
                Said::Done
            }
            Step::Credit { payment, units, extra } => {
                if self.payments.contains_key(&payment) {
                    return Said::Credited(false);
                }
                self.payments.insert(payment, (units, (units + extra).min(Cents::MAX.units())));
                Said::Credited(true)
            }
            Step::Reserve { hold, units, seconds, token } => {
                if let Some(open) = self.holds.get(&hold) {
                    return if open.units == units { Said::Held } else { Said::HoldReused };
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
                let expires_at = self.now + Millis::from(seconds) * 1_000 + DELIVERY_MS;
                self.holds.insert(hold, Held { units, expires_at, reported: 0, ended: false, token });
                Said::Held
            }
            Step::Capture { hold, per_mille } => {
                let Some(held) = self.holds.get(&hold).cloned() else { return Said::Settled(Settled::Gone) };
                let units = held.units * per_mille / 1_000;
                if !held.ended && held.expires_at > self.now {
                    if let Some(held) = self.holds.get_mut(&hold) {
                        held.ended = true;
                    }
                    if units > 0 {
                        self.capture(hold, units);
                    }
                    return Said::Settled(Settled::Captured);
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
                Said::Settled(Settled::Captured)
            }
            Step::Renew { hold, per_mille, seconds } => {
                let now = self.now;
                let open = self.holds.get_mut(&hold).filter(|hold| !hold.ended && hold.expires_at > now);
                let Some(open) = open else { return Said::Renewed(false) };
                open.reported = open.reported.max(open.units * per_mille / 1_000);
                open.expires_at = open.expires_at.max(now + Millis::from(seconds) * 1_000 + DELIVERY_MS);
                Said::Renewed(true)
            }
            Step::Release { hold } => {
                if let Some(held) = self.holds.get_mut(&hold) {
                    held.ended = true;
                }
                Said::Settled(Settled::Released)
            }
            Step::Charge { key, units, overdraft, token } => {
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
                let available = self.available();
                if if overdraft { available <= 0 } else { available < units } {
                    return Said::NotCharged(self.insufficient().into());
                }
                self.charges.insert(key, units);
                self.spent.push((token, units, self.now));
                Said::Charged { already: false }
            }
            Step::Reverse { payment, reversal, dispute, units, taken_per_mille, closed, moves, at } => {
                let known = self.reversals.get(&(dispute, reversal));
                let payment = known.map_or(payment, |known| known.payment);
                if !self.payments.contains_key(&payment) {
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
        Just(Self { now: 1_800_000_000_000, ..Self::default() }).boxed()
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
            3 => (0..12_u8, units, prop_oneof![Just(0), 1..600_000_i64])
                .prop_map(|(payment, units, extra)| Step::Credit { payment, units, extra }),
            8 => (hold.clone(), small.clone(), 1..120_u32, token.clone())
                .prop_map(|(hold, units, seconds, token)| Step::Reserve { hold, units, seconds, token }),
            8 => (hold.clone(), prop_oneof![Just(1_000), 0..=1_000_i64])
                .prop_map(|(hold, per_mille)| Step::Capture { hold, per_mille }),
            3 => hold.clone().prop_map(|hold| Step::Release { hold }),
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
            1 => Just(Step::Fold),
        ]
        .boxed()
    }

    fn preconditions(state: &Self, step: &Step) -> bool {
        match step {
            // Ids are chosen at random and never again once their hold has ended.
            Step::Reserve { hold, .. } => {
                state.holds.get(hold).is_none_or(|held| !held.ended && held.expires_at > state.now)
            }
            // One ending per hold: nobody asks for a capture of what was released, nor, when its time is over, for nothing.
            // Nobody asks for a capture again after ninety days.
            Step::Capture { hold, .. } if state.folded.contains(hold) => false,
            Step::Capture { hold, per_mille } => state.holds.get(hold).is_some_and(|held| {
                let open = held.expires_at > state.now && !held.ended;
                open || state.captures.contains_key(hold) || (!held.ended && held.units * per_mille >= 1_000)
            }),
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

/// The wallet on SQLite.
struct Real {
    sql: rusqlite::Connection,
    payment_of: BTreeMap<(bool, u8), u8>,
    holds: BTreeMap<u16, HoldId>,
    /// As a worker remembers them.
    tokens: BTreeMap<u16, u8>,
}

/// As [`HoldId::generate`] makes them, but known again: a hold's id begins with the time it was first asked for.
fn hold_id(holds: &mut BTreeMap<u16, HoldId>, now: Millis, hold: u16) -> HoldId {
    let id = || serde_json::from_value(serde_json::Value::String(format!("{now:012x}{hold:020x}"))).unwrap();
    holds.entry(hold).or_insert_with(id).clone()
}

impl Real {
    fn step(&mut self, now: Millis, step: &Step) -> Said {
        let account = AccountId::from_hash(&[7; 32]);
        self.sql.execute_batch("BEGIN").unwrap();
        let mut wallet = Wallet::load_or_register(&self.sql, &SCHEMA, now, &account).unwrap();
        wallet.expire().unwrap();
        let said = Self::act(&mut self.payment_of, &mut self.holds, &mut self.tokens, now, &mut wallet, step);
        if matches!(said, Ok(Said::Overflow) | Err(_)) {
            drop(wallet);
            self.sql.execute_batch("ROLLBACK").unwrap();
        } else {
            wallet.save().unwrap();
            self.sql.execute_batch("COMMIT").unwrap();
        }
        match said {
            Ok(said) => said,
            Err(WalletError::Overflow) => Said::Overflow,
            Err(WalletError::HoldReused) => Said::HoldReused,
            Err(error @ WalletError::UnknownPayment) => unreachable!("{error}"),
            Err(error @ (WalletError::Sql(_) | WalletError::Currency { .. })) => panic!("{error}"),
        }
    }

    fn act(
        payment_of: &mut BTreeMap<(bool, u8), u8>,
        holds: &mut BTreeMap<u16, HoldId>,
        tokens: &mut BTreeMap<u16, u8>,
        now: Millis,
        wallet: &mut Wallet<'_>,
        step: &Step,
    ) -> Result<Said, WalletError> {
        let mut hold_id = |hold: u16| hold_id(holds, now, hold);
        let mut capture = |hold: u16, amount: i64| Ending {
            hold: hold_id(hold),
            outcome: Outcome::Capture { amount: Cents::from_units(amount), detail: "GET /".into() },
            key: None,
            token: tokens.get(&hold).map(|token| token_id(*token).into()),
        };
        let come_by = |wallet: &mut Wallet<'_>, token: u8| {
            let proof = Proof { hash: token_id(token), first: false };
            if token > 0 {
                wallet.authenticate(&proof).unwrap().unwrap();
            }
        };
        Ok(match *step {
            Step::Wait { .. } => Said::Done,
            Step::Fold => {
                while wallet.fold(3)? == Some(now) {}
                Said::Done
            }
            Step::Credit { payment, units, extra } => Said::Credited(wallet.credit(&Credit {
                account: AccountId::from_hash(&[7; 32]),
                key: format!("cs{payment}"),
                amount: Cents::from_units(units),
                paid: Some(Cents::from_units((units + extra).min(Cents::MAX.units()))),
                payment_intent: Some(format!("pi{payment}")),
                payer: Default::default(),
            })?),
            Step::Reserve { hold, units, seconds, token } => {
                come_by(wallet, token);
                match wallet.reserve(&hold_id(hold), Cents::from_units(units), seconds)? {
                    Ok(()) => {
                        if token > 0 {
                            tokens.entry(hold).or_insert(token);
                        }
                        Said::Held
                    }
                    Err(refusal) => Said::NotReserved(refusal),
                }
            }
            // `per_mille` holds the units by now, here and below: only the model knows what was held.
            Step::Capture { hold, per_mille } => Said::Settled(wallet.settle(&capture(hold, per_mille))?),
            Step::Renew { hold, per_mille, seconds } => {
                let report = Report { amount: Cents::from_units(per_mille), detail: "GET /".into() };
                Said::Renewed(wallet.renew(&hold_id(hold), &report, seconds)?)
            }
            Step::Release { hold } => Said::Settled(wallet.settle(&Ending {
                hold: hold_id(hold),
                outcome: Outcome::Release,
                key: None,
                token: None,
            })?),
            Step::Charge { key, units, overdraft, token } => {
                come_by(wallet, token);
                let overdraft = if overdraft { Overdraft::Allow } else { Overdraft::Deny };
                let (key, amount) = (key.to_string(), Cents::from_units(units));
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
                let payment = payment_of.get(&(dispute, reversal)).copied().unwrap_or(payment);
                match wallet.reverse(&format!("pi{payment}"), &fact) {
                    Ok(()) => {
                        payment_of.insert((dispute, reversal), payment);
                        Said::Reversed(true)
                    }
                    Err(WalletError::UnknownPayment) => Said::Reversed(false),
                    Err(error) => return Err(error),
                }
            }
        })
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
        let mut real = Self { sql, payment_of: BTreeMap::new(), holds: BTreeMap::new(), tokens: BTreeMap::new() };
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
                expires_at: None,
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
            step => step,
        };
        // What has expired by now is in every sum before anything writes it.
        if let (Step::Wait { .. }, Some(wallet)) = (&step, Wallet::load(&real.sql, &SCHEMA, model.now).unwrap()) {
            assert_eq!(wallet.available().unwrap().units(), model.available(), "before it is written");
        }
        assert_eq!(Some(real.step(model.now, &step)), model.said, "{step:?}");
        real
    }

    fn check_invariants(real: &Self, model: &Model) {
        let balance = real.number("SELECT balance FROM users");
        assert_eq!(balance, real.number("SELECT COALESCE(SUM(amount), 0) FROM entries"), "balance = sum(entries)");
        assert_eq!(balance, model.balance());
        assert_eq!(
            real.number("SELECT frozen FROM users"),
            real.number("SELECT COALESCE(SUM(frozen), 0) FROM payments")
        );
        assert_eq!(real.number("SELECT frozen FROM users"), model.frozen());
        assert_eq!(
            real.number("SELECT COUNT(*) FROM payments WHERE taken < 0 OR frozen < 0 OR taken + frozen > amount"),
            0
        );
        let entries = model.payments.len() + model.captures.len() - model.folded.len() + model.charges.len();
        let plain = real.number("SELECT COUNT(*) FROM entries WHERE kind IN ('credit', 'capture', 'charge')");
        assert_eq!(plain, entries as i64, "one entry per fact");
        let folded: i64 = model.folded.iter().map(|hold| model.captures[hold].0).sum();
        let select = "SELECT COALESCE(-SUM(amount), 0) FROM entries WHERE kind = 'fold'";
        assert_eq!(real.number(select), folded, "nothing is lost in folding");
        let select = "SELECT COALESCE(SUM(CAST(detail AS INTEGER)), 0) FROM entries WHERE kind = 'fold'";
        assert_eq!(real.number(select), model.folded.len() as i64, "each call is counted");
        for token in 1..4 {
            let spent = real.number(&format!("SELECT spent_total FROM tokens WHERE id = '{}'", token_id(token)));
            assert_eq!(spent, model.spent(token, |_| true), "what the token {token} has spent");
        }
        let wallet = Wallet::load(&real.sql, &SCHEMA, model.now).unwrap().unwrap();
        assert_eq!(wallet.available().unwrap().units(), model.available());
    }
}

prop_state_machine! {
    #![proptest_config(histories("STRIPEFLARE_MODEL_STEPS", 100_000, STEPS_PER_HISTORY, SEED))]

    #[test]
    fn the_wallet_is_what_its_model_says(sequential STEPS_PER_HISTORY => Real);
}
