//! Accounts that pay each other's cards, through random histories: logins that begin, are refused, approved and taken, payments
//! that move and go back, and everything that ends something, beside a model that shares no code with them. Whatever is lost,
//! comes twice or comes late, in the end the accounts say the same about every payment, and nobody is anywhere who should not be.
//!
//! `STRIPEFLARE_MOVED_STEPS` says how many steps to take in all.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::histories;
use crate::account::{
    Caps, Card, Charge, Credit, Ending, HoldId, Homecoming, HomecomingOutcome, Kind, LastToken, LoginRequest,
    LoginState, MovedPayment, NewToken, NoLogin, NotBegun, NotClosed, Outcome, Overdraft, Reversal, State, Taken,
    Wallet,
};
use crate::clock::{DAY_MS, Millis};
use crate::directory;
use crate::error::WalletError;
use crate::identity::{AccountId, Proof};
use crate::money::Cents;
use crate::schema::{Schema, migrate};
use crate::sql::{Sql, Value};
use crate::tables::Role;
use crate::testing::database;

const SEED: u64 = 20_261_128;
const STEPS_PER_HISTORY: usize = 200;
const SCHEMA: Schema = Schema::of::<()>();
const NOW: Millis = 1_800_000_000_000;
/// How long logins wait. A whole history is shorter than anything is kept.
const WAIT: Millis = 60_000;
const ACCOUNTS: usize = 3;
/// The first ones are the owners' own.
const PAYMENTS: usize = 9;

/// Numbers name accounts, payments and tokens, modulo how many there are.
#[derive(Clone, Debug)]
enum Step {
    Credit {
        payment: usize,
        told: bool,
    },
    Arrive {
        payment: usize,
        mark: usize,
    },
    /// The payer wants to use the other account; the worker may die after any of its three requests.
    Use {
        payment: usize,
        requests: usize,
    },
    Decide {
        payment: usize,
        approve: bool,
        by: usize,
    },
    /// The payer's browser takes the login. The same.
    Take {
        payment: usize,
        requests: usize,
    },
    Visit {
        account: usize,
        by: usize,
    },
    Mint {
        account: usize,
        by: usize,
    },
    Revoke {
        account: usize,
        by: usize,
        token: usize,
    },
    LogOut {
        account: usize,
        by: usize,
    },
    LogOutEverywhere {
        account: usize,
        by: usize,
    },
    Lock {
        account: usize,
        by: usize,
        locked: bool,
    },
    Close {
        account: usize,
        by: usize,
    },
    RemoveCard {
        account: usize,
        by: usize,
    },
    /// The owner pays with the account's own card; the directory's answer may be late.
    ClaimCard {
        account: usize,
        by: usize,
        now: bool,
    },
    Spend {
        account: usize,
        cents: i64,
    },
    Hold {
        account: usize,
        cents: i64,
    },
    EndHold {
        account: usize,
        capture: bool,
    },
    /// A refund or dispute of the payment has come so far.
    Reverse {
        payment: usize,
        reversal: usize,
        stage: usize,
    },
    Tell {
        account: usize,
    },
    TellContests,
    Deliver {
        message: usize,
        again: bool,
    },
    Lose {
        message: usize,
    },
    Wait {
        ms: Millis,
    },
}

#[derive(Clone, Debug)]
enum Message {
    /// The model knows by the time it was sent which is newer.
    Moved {
        payment: usize,
        sent: usize,
        message: MovedPayment,
        told: Told,
    },
    Answer {
        payment: usize,
        message: MovedPayment,
        accepted: bool,
    },
    Contest {
        payment: usize,
        account: usize,
    },
    Claimed {
        account: usize,
        claim: i64,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let (account, payment, by) = (0..ACCOUNTS, ACCOUNTS..PAYMENTS, 0..12_usize);
    let any_payment = prop_oneof![1 => 0..ACCOUNTS, 9 => payment.clone()];
    let money = prop_oneof![
        4 => (payment.clone(), prop::bool::weighted(0.8)).prop_map(|(payment, told)| Step::Credit { payment, told }),
        4 => (account.clone(), 1..120_i64).prop_map(|(account, cents)| Step::Spend { account, cents }),
        2 => (account.clone(), 1..60_i64).prop_map(|(account, cents)| Step::Hold { account, cents }),
        2 => (account.clone(), any::<bool>()).prop_map(|(account, capture)| Step::EndHold { account, capture }),
        5 => (any_payment, 0..REVERSALS.len(), 0..3_usize)
            .prop_map(|(payment, reversal, stage)| Step::Reverse { payment, reversal, stage }),
    ];
    let requests = prop_oneof![5 => Just(3), 1 => 1..3_usize];
    let logins = prop_oneof![
        6 => (payment.clone(), prop_oneof![25 => Just(0), 1 => 1..3_usize])
            .prop_map(|(payment, mark)| Step::Arrive { payment, mark }),
        12 => (payment.clone(), requests.clone()).prop_map(|(payment, requests)| Step::Use { payment, requests }),
        5 => (payment.clone(), prop::bool::weighted(0.8), by.clone())
            .prop_map(|(payment, approve, by)| Step::Decide { payment, approve, by }),
        16 => (payment, requests).prop_map(|(payment, requests)| Step::Take { payment, requests }),
    ];
    let owners = prop_oneof![
        18 => (account.clone(), by.clone()).prop_map(|(account, by)| Step::Visit { account, by }),
        18 => (account.clone(), by.clone()).prop_map(|(account, by)| Step::Mint { account, by }),
        8 => (account.clone(), by.clone(), 0..20_usize).prop_map(|(account, by, token)| Step::Revoke { account, by, token }),
        2 => (account.clone(), by.clone()).prop_map(|(account, by)| Step::LogOut { account, by }),
        1 => (account.clone(), by.clone()).prop_map(|(account, by)| Step::LogOutEverywhere { account, by }),
        2 => (account.clone(), by.clone(), any::<bool>()).prop_map(|(account, by, locked)| Step::Lock { account, by, locked }),
        1 => (account.clone(), by.clone()).prop_map(|(account, by)| Step::Close { account, by }),
        1 => (account.clone(), by.clone()).prop_map(|(account, by)| Step::RemoveCard { account, by }),
        15 => (account.clone(), by, prop::bool::weighted(0.8)).prop_map(|(account, by, now)| Step::ClaimCard { account, by, now }),
    ];
    let post = prop_oneof![
        6 => account.prop_map(|account| Step::Tell { account }),
        2 => Just(Step::TellContests),
        12 => (0..60_usize, prop::bool::weighted(0.25)).prop_map(|(message, again)| Step::Deliver { message, again }),
        1 => (0..60_usize).prop_map(|message| Step::Lose { message }),
        4 => (0..90_000_i64).prop_map(|ms| Step::Wait { ms }),
    ];
    prop_oneof![3 => money, 8 => logins, 3 => owners, 5 => post]
}

fn id(account: usize) -> AccountId {
    AccountId::from_hash(&[u8::try_from(account + 1).unwrap(); 32])
}

fn card(account: usize) -> Card {
    Card::of_fingerprint(&account.to_string(), "visa".into())
}

fn key(payment: usize) -> String {
    format!("p{payment}")
}

fn number(key: &str) -> usize {
    key.trim_start_matches('p').parse().unwrap()
}

fn home(payment: usize) -> usize {
    payment % ACCOUNTS
}

/// Whose card it was paid with: another account's, but for the owners' own.
fn owner(payment: usize) -> usize {
    if payment < ACCOUNTS { payment } else { (payment + payment / ACCOUNTS) % ACCOUNTS }
}

fn amount(payment: usize) -> i64 {
    100 + 13 * payment as i64
}

/// What a refund or dispute takes and freezes, and whether whoever paid had no right to.
type Stage = (i64, i64, bool);

/// Refunds and disputes of a payment: what each is about, and how it stands at each stage.
const REVERSALS: [(Kind, i64, [Stage; 3]); 5] = [
    (Kind::Refund, 30, [(30, 0, false), (30, 0, false), (0, 0, false)]),
    (Kind::Refund, 500, [(500, 0, false), (500, 0, false), (500, 0, false)]),
    (Kind::Dispute, 60, [(0, 60, false), (60, 0, false), (60, 0, true)]),
    (Kind::Dispute, 90, [(0, 90, false), (0, 90, false), (0, 0, false)]),
    (Kind::Dispute, 40, [(0, 40, true), (40, 0, true), (0, 0, true)]),
];

fn fact(reversal: usize, stage: usize, payment: usize) -> Reversal {
    let (kind, cents, stages) = REVERSALS[reversal];
    let (takes, freezes, disowned) = stages[stage];
    let (id, amount, taken) = (format!("{payment}:{reversal}"), Cents::new(cents), Cents::new(takes));
    let closed = takes + freezes < cents;
    Reversal { kind, id, amount, taken, closed, moves: stage as u32, at: stage as i64, disowned }
}

/// What the home of a payment tells the other account.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Told {
    moved: i64,
    taken: i64,
    frozen: i64,
    disowned: bool,
}

#[derive(Clone, Debug, Default)]
struct Payment {
    credited: bool,
    /// The directory knows it.
    known: bool,
    marks: BTreeSet<usize>,
    began: bool,
    heads: bool,
    stages: BTreeMap<usize, usize>,
    moved: i64,
    reversed_before: Option<i64>,
    /// What the other account was told, and when that was sent.
    heard: (usize, Told),
}

#[derive(Clone, Debug)]
struct Token {
    name: String,
    secret: String,
    alive: bool,
    used: bool,
    login: bool,
    made_by: Option<usize>,
}

#[derive(Clone, Debug)]
struct Claim {
    number: i64,
    owned: bool,
    by: usize,
    at: Millis,
}

#[derive(Clone, Debug)]
struct Login {
    state: LoginState,
    claim: i64,
    since: Millis,
    approved_by: Option<usize>,
    token: Option<usize>,
}

#[derive(Clone, Debug, Default)]
struct Account {
    tokens: Vec<Token>,
    card: Option<Claim>,
    claims: i64,
    logins: BTreeMap<usize, Login>,
    disowned: BTreeSet<usize>,
    locked: bool,
    closed: bool,
    /// Charged and captured.
    spent: i64,
    held: Option<i64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Thing {
    Token(usize),
    Card,
    Login(usize),
}

impl Payment {
    fn reversed(&self, payment: usize) -> (i64, i64) {
        let sum = |of: fn(&(i64, i64, bool)) -> i64| -> i64 {
            self.stages.iter().map(|(reversal, stage)| of(&REVERSALS[*reversal].2[*stage])).sum()
        };
        let taken = sum(|stage| stage.0).min(amount(payment));
        (taken, sum(|stage| stage.1).min(amount(payment) - taken))
    }

    /// Cent by cent: the first ones that go back are those that did before it moved, then come those that moved.
    fn there(&self, payment: usize) -> (i64, i64) {
        let (taken, frozen) = self.reversed(payment);
        let first = self.reversed_before.unwrap_or(0);
        let there = (0..taken + frozen).filter(|cent| (first..first + self.moved).contains(cent)).count() as i64;
        (there.min(taken), there - there.min(taken))
    }

    fn here(&self, payment: usize) -> (i64, i64) {
        let (all, there) = (self.reversed(payment), self.there(payment));
        (all.0 - there.0, all.1 - there.1)
    }
}

impl Account {
    fn living(&self) -> Vec<usize> {
        (0..self.tokens.len()).filter(|token| self.tokens[*token].alive).collect()
    }

    /// Whether it is what the caller's token came by, or that token.
    fn carries(&self, thing: Thing, caller: Option<usize>) -> bool {
        let carrying = |login: &Login| login.state == LoginState::Taken && login.token == caller;
        caller.is_some()
            && match thing {
                Thing::Token(token) => Some(token) == caller,
                Thing::Login(payment) => carrying(&self.logins[&payment]),
                Thing::Card => self.logins.values().any(carrying),
            }
    }

    /// Everything that comes from some things, the caller's own left out, and whether a card is left out with it.
    fn ending(&self, roots: &[Thing], caller: Option<usize>) -> (BTreeSet<Thing>, bool) {
        let mut ending: BTreeSet<Thing> = roots.iter().copied().collect();
        let tokens = (0..self.tokens.len()).map(Thing::Token);
        let others = self.card.iter().map(|_| Thing::Card).chain(self.logins.keys().copied().map(Thing::Login));
        let all: Vec<Thing> = tokens.chain(others).collect();
        let comes = |thing: Thing, ending: &BTreeSet<Thing>| match thing {
            Thing::Token(token) => {
                self.tokens[token].made_by.is_some_and(|maker| ending.contains(&Thing::Token(maker)))
                    || self
                        .logins
                        .iter()
                        .any(|(payment, login)| login.token == Some(token) && ending.contains(&Thing::Login(*payment)))
            }
            Thing::Card => self.card.as_ref().is_some_and(|card| ending.contains(&Thing::Token(card.by))),
            Thing::Login(payment) => {
                let approved = self.logins[&payment].approved_by;
                ending.contains(&Thing::Card) || approved.is_some_and(|by| ending.contains(&Thing::Token(by)))
            }
        };
        loop {
            let before = ending.len();
            for thing in &all {
                if comes(*thing, &ending) && !self.carries(*thing, caller) {
                    ending.insert(*thing);
                }
            }
            if ending.len() == before {
                let kept = self.card.is_some() && !ending.contains(&Thing::Card) && comes(Thing::Card, &ending);
                return (ending, kept);
            }
        }
    }

    fn end(&mut self, roots: &[Thing], caller: Option<usize>) {
        let (ending, kept) = self.ending(roots, caller);
        if let (true, Some(card), Some(caller)) = (kept, &mut self.card, caller) {
            card.by = caller;
        }
        for thing in ending {
            match thing {
                Thing::Token(token) => self.tokens[token].alive = false,
                Thing::Card => self.card = None,
                Thing::Login(payment) => {
                    if let Some(login) = self.logins.get_mut(&payment) {
                        login.state = LoginState::Ended;
                    }
                }
            }
        }
    }

    fn end_waiting(&mut self) {
        for login in self.logins.values_mut() {
            if matches!(login.state, LoginState::Pending | LoginState::Approved) {
                login.state = LoginState::Ended;
            }
        }
    }

    fn end_all_but(&mut self, caller: Option<usize>) {
        let others: Vec<Thing> =
            self.living().into_iter().filter(|token| Some(*token) != caller).map(Thing::Token).collect();
        self.end(&others, caller);
        self.end_waiting();
        if self.card.as_ref().is_some_and(|card| Some(card.by) != caller) {
            self.end(&[Thing::Card], caller);
        }
    }

    fn disown(&mut self, payment: usize) {
        if self.disowned.insert(payment) {
            let mut roots = vec![Thing::Login(payment)];
            // Cards are claimed with the owner's own payment.
            roots.extend(self.card.iter().filter(|_| payment < ACCOUNTS).map(|_| Thing::Card));
            self.end(&roots, None);
        }
    }

    fn opens(&self, now: Millis) -> bool {
        let old = self.card.as_ref().is_some_and(|card| card.owned && card.at + WAIT <= now);
        old && !self.locked && !self.closed
    }
}

struct World {
    now: Millis,
    steps: usize,
    posted: usize,
    wallets: Vec<rusqlite::Connection>,
    shard: rusqlite::Connection,
    messages: Vec<Message>,
    /// What the last step gave accounts to tell, by payment.
    changed: RefCell<BTreeMap<usize, (AccountId, MovedPayment)>>,
    /// What has to be told until it was acknowledged, and when it came up.
    moves: BTreeMap<usize, (usize, MovedPayment, Told)>,
    contests: BTreeSet<(usize, usize)>,
    holds: Vec<Option<HoldId>>,
    payments: Vec<Payment>,
    accounts: Vec<Account>,
}

fn hash(name: &str) -> String {
    format!("hash of {name}")
}

impl World {
    fn new() -> Self {
        let wallet = |account: usize| {
            let sql = database();
            migrate(&sql, Role::Account, &SCHEMA).unwrap();
            Wallet::load_or_register(&sql, &SCHEMA, NOW, &id(account)).unwrap().save().unwrap();
            sql
        };
        let shard = database();
        migrate(&shard, Role::Directory, &SCHEMA).unwrap();
        let mut world = Self {
            now: NOW,
            steps: 0,
            posted: 0,
            wallets: (0..ACCOUNTS).map(wallet).collect(),
            shard,
            messages: Vec::new(),
            changed: RefCell::default(),
            moves: BTreeMap::new(),
            contests: BTreeSet::new(),
            holds: vec![None; ACCOUNTS],
            payments: vec![Payment::default(); PAYMENTS],
            accounts: vec![Account::default(); ACCOUNTS],
        };
        for account in 0..ACCOUNTS {
            let (name, secret) = ("first".to_owned(), "first".to_owned());
            let first = Token { name, secret, alive: true, used: true, login: false, made_by: None };
            world.accounts[account].tokens.push(first);
            world.step(&Step::Credit { payment: account, told: false });
            world.step(&Step::Visit { account, by: 0 });
            world.step(&Step::Mint { account, by: 0 });
            world.step(&Step::ClaimCard { account, by: 1, now: true });
        }
        for payment in ACCOUNTS..PAYMENTS - 2 {
            world.step(&Step::Credit { payment, told: true });
        }
        world.now += WAIT;
        world
    }

    fn act<T>(&self, account: usize, act: impl FnOnce(&mut Wallet<'_>) -> Result<T, WalletError>) -> T {
        let sql = &self.wallets[account];
        let mut wallet = Wallet::load(sql, &SCHEMA, self.now).unwrap().unwrap();
        let result = act(&mut wallet).unwrap();
        for (to, message) in wallet.moves_to_tell().unwrap() {
            assert_eq!(message.from, id(account));
            self.changed.borrow_mut().insert(number(&message.payment), (to, message));
        }
        wallet.save().unwrap();
        result
    }

    /// Somebody with a token that opens the account; `None`: there is none any more.
    fn caller(&mut self, account: usize, by: usize) -> Option<usize> {
        let living = self.accounts[account].living();
        let token = *living.get(by % living.len().max(1))?;
        self.accounts[account].tokens[token].used = true;
        Some(token)
    }

    fn by<T>(&self, account: usize, token: usize, act: impl FnOnce(&mut Wallet<'_>) -> Result<T, WalletError>) -> T {
        let Token { name, secret, .. } = &self.accounts[account].tokens[token];
        let proof = Proof { hash: hash(secret), first: name == "first" };
        self.act(account, |wallet| {
            wallet.authenticate(&proof)?.unwrap();
            act(wallet)
        })
    }

    fn new_token(&self, account: usize, login: bool) -> NewToken {
        let name = format!("{account}-{}", self.steps);
        let (id, hash, label) = (name.clone().into(), hash(&name), name);
        NewToken { id, hash, label, manage: true, login, caps: Caps::default(), expires_at: None }
    }

    fn balance(&self, account: usize) -> i64 {
        let mut balance = -self.accounts[account].spent;
        for (number, payment) in self.payments.iter().enumerate() {
            if home(number) == account && payment.credited {
                balance += amount(number) - payment.moved - payment.here(number).0;
            }
            if owner(number) == account {
                balance += payment.heard.1.moved - payment.heard.1.taken;
            }
        }
        balance
    }

    fn frozen(&self, account: usize) -> i64 {
        let frozen = |(number, payment): (usize, &Payment)| {
            let here = if home(number) == account { payment.here(number).1 } else { 0 };
            here + if owner(number) == account { payment.heard.1.frozen } else { 0 }
        };
        self.payments.iter().enumerate().map(frozen).sum()
    }

    fn available(&self, account: usize) -> i64 {
        self.balance(account) - self.frozen(account) - self.accounts[account].held.unwrap_or(0)
    }

    /// Whether nobody could get at the account's money without what is to end.
    fn locks_out(&self, account: usize, ending: &BTreeSet<Thing>) -> bool {
        let known = &self.accounts[account];
        let lives = known.living().into_iter().any(|token| !ending.contains(&Thing::Token(token)));
        let card = known.card.as_ref().is_some_and(|card| card.owned) && !ending.contains(&Thing::Card);
        self.balance(account) > 0 && !lives && !card
    }

    fn told(&self, number: usize) -> Told {
        let payment = &self.payments[number];
        let (taken, frozen) = payment.there(number);
        let disowned = self.accounts[home(number)].disowned.contains(&number);
        Told { moved: payment.moved, taken, frozen, disowned }
    }

    fn contested(&self, payment: usize) -> bool {
        self.payments[payment].marks.len() > 1
    }

    #[expect(clippy::too_many_lines, reason = "one arm a step")]
    fn step(&mut self, step: &Step) {
        self.steps += 1;
        match *step {
            Step::Wait { ms } => self.now += ms,
            Step::Credit { payment, told } => {
                let credit = Credit {
                    account: id(home(payment)),
                    key: key(payment),
                    amount: Cents::new(amount(payment)),
                    paid: None,
                    payment_intent: Some(format!("pi_{payment}")),
                    payer: Default::default(),
                };
                let new = self.act(home(payment), |wallet| wallet.credit(&credit));
                assert_eq!(new, !self.payments[payment].credited);
                self.payments[payment].credited = true;
                if told {
                    let mark = Some("0").filter(|_| payment >= ACCOUNTS);
                    let account = id(home(payment));
                    let to_disown = directory::credited(&self.shard, &key(payment), &account, mark, self.now).unwrap();
                    let new = self.contested(payment) && !self.payments[payment].known;
                    self.payments[payment].known = true;
                    self.contest(payment, new, &to_disown);
                }
            }
            Step::Arrive { payment, mark } => {
                let text = ["0", "1", ""][mark];
                let (arrival, to_disown) = directory::arrive(&self.shard, &key(payment), text, self.now).unwrap();
                let before = self.contested(payment);
                let known = &mut self.payments[payment];
                known.marks.insert(mark);
                let account = known.known.then(|| id(home(payment)));
                assert_eq!((arrival.account, arrival.is_payers), (account, known.known && mark == 0));
                assert_eq!(arrival.contested, self.contested(payment));
                self.contest(payment, arrival.contested && !before, &to_disown);
            }
            Step::Use { payment, requests } => self.use_other(payment, requests),
            Step::Decide { payment, approve, by } => self.decide(payment, approve, by),
            Step::Take { payment, requests } => self.take(payment, requests),
            Step::Visit { account, by } => {
                if let Some(by) = self.caller(account, by) {
                    self.by(account, by, |_| Ok(()));
                }
            }
            Step::Mint { account, by } => {
                let Some(by) = self.caller(account, by) else { return };
                let new = self.new_token(account, false);
                self.by(account, by, |wallet| wallet.mint(&new)).unwrap();
                self.remember(account, &new, Some(by));
            }
            Step::Revoke { account, by, token } => {
                let Some(by) = self.caller(account, by) else { return };
                let token = token % self.accounts[account].tokens.len();
                let name = self.accounts[account].tokens[token].name.clone();
                let roots = [Thing::Token(token)];
                let refused =
                    token == by && self.locks_out(account, &self.accounts[account].ending(&roots, Some(by)).0);
                let answer = self.by(account, by, |wallet| wallet.revoke(&name.into()));
                assert_eq!(answer, if refused { Err(LastToken) } else { Ok(()) });
                if !refused {
                    self.accounts[account].end(&roots, Some(by));
                }
            }
            Step::LogOut { account, by } => {
                let Some(by) = self.caller(account, by) else { return };
                let owned = self.accounts[account].card.as_ref().is_some_and(|card| card.owned);
                let last = self.balance(account) > 0 && !owned && self.accounts[account].living().len() == 1;
                let answer = self.by(account, by, |wallet| wallet.log_out(false));
                assert_eq!(answer, if last { Err(LastToken) } else { Ok(()) });
                let token = &mut self.accounts[account].tokens[by];
                token.alive &= last || !token.login;
            }
            Step::LogOutEverywhere { account, by } => {
                let Some(by) = self.caller(account, by) else { return };
                let secret = hash(&self.accounts[account].tokens[by].secret);
                self.by(account, by, |wallet| wallet.log_out_everywhere(&secret)).unwrap();
                self.accounts[account].end_all_but(Some(by));
            }
            Step::Lock { account, by, locked } => {
                let Some(by) = self.caller(account, by) else { return };
                self.by(account, by, |wallet| wallet.lock(locked));
                let known = &mut self.accounts[account];
                known.locked = locked;
                if locked {
                    known.end_waiting();
                    if known.card.is_some() {
                        known.end(&[Thing::Card], Some(by));
                    }
                }
            }
            Step::Close { account, by } => {
                let Some(by) = self.caller(account, by) else { return };
                let answer = self.by(account, by, |wallet| wallet.close_account(&SCHEMA, "close", true));
                if self.accounts[account].held.is_some() {
                    assert_eq!(answer, Err(NotClosed::CallsRunning));
                    return;
                }
                answer.unwrap();
                let known = &mut self.accounts[account];
                known.end_all_but(Some(by));
                known.end_all_but(None);
                known.closed = true;
            }
            Step::RemoveCard { account, by } => {
                let Some(by) = self.caller(account, by) else { return };
                self.by(account, by, |wallet| wallet.release_card(&card(account).id()));
                if self.accounts[account].card.is_some() {
                    self.accounts[account].end(&[Thing::Card], Some(by));
                }
            }
            Step::ClaimCard { account, by, now } => self.claim_card(account, by, now),
            Step::Spend { account, cents } => {
                let (key, amount, detail) = (self.steps.to_string(), Cents::new(cents), "GET /".to_owned());
                let charge = Charge { key, amount, overdraft: Overdraft::Deny, detail };
                let charged = self.act(account, |wallet| wallet.charge(&charge)).is_ok();
                assert_eq!(charged, !self.accounts[account].closed && self.available(account) >= cents);
                self.accounts[account].spent += if charged { cents } else { 0 };
            }
            Step::Hold { account, cents } => {
                // Nobody has a token of what is closed.
                if self.holds[account].is_some() || self.accounts[account].closed {
                    return;
                }
                let hold = HoldId::generate(self.now);
                let held = self.act(account, |wallet| wallet.reserve(&hold, Cents::new(cents), 100_000)).is_ok();
                assert_eq!(held, self.available(account) >= cents);
                if held {
                    self.holds[account] = Some(hold);
                    self.accounts[account].held = Some(cents);
                }
            }
            Step::EndHold { account, capture } => {
                let (Some(hold), Some(cents)) = (self.holds[account].take(), self.accounts[account].held.take()) else {
                    return;
                };
                let amount = Cents::new(cents);
                let captured = Outcome::Capture { amount, detail: "GET /".into() };
                let outcome = if capture { captured } else { Outcome::Release };
                self.act(account, |wallet| wallet.settle(&Ending { hold, outcome, key: None, token: None }));
                self.accounts[account].spent += if capture { cents } else { 0 };
            }
            Step::Reverse { payment, reversal, stage } => {
                if !self.payments[payment].credited {
                    return;
                }
                let fact = fact(reversal, stage, payment);
                self.act(home(payment), |wallet| wallet.reverse(&format!("pi_{payment}"), &fact));
                let known = self.payments[payment].stages.entry(reversal).or_default();
                *known = stage.max(*known);
                if fact.disowned {
                    self.accounts[home(payment)].disown(payment);
                }
            }
            Step::Tell { account } => self.tell(account),
            Step::TellContests => self.tell_contests(),
            Step::Deliver { message, again } => {
                if !self.messages.is_empty() {
                    let index = message % self.messages.len();
                    let message = if again { self.messages[index].clone() } else { self.messages.swap_remove(index) };
                    self.deliver(message);
                }
            }
            Step::Lose { message } => {
                if !self.messages.is_empty() {
                    self.messages.swap_remove(message % self.messages.len());
                }
            }
        }
        self.forget_cards();
        self.post();
    }

    /// Both accounts of a payment are to hear of it once, as far as they are known.
    fn contest(&mut self, payment: usize, new: bool, to_disown: &[AccountId]) {
        let known = &self.payments[payment];
        let of_it = Some(home(payment)).into_iter().chain(known.began.then_some(owner(payment)));
        let accounts: Vec<usize> = of_it.filter(|_| new && known.known).collect();
        assert_eq!(to_disown, accounts.iter().map(|account| id(*account)).collect::<Vec<_>>());
        self.contests.extend(accounts.into_iter().map(|account| (payment, account)));
    }

    /// What is to be told about payments is what the model says by now.
    fn post(&mut self) {
        for (payment, (to, message)) in self.changed.take() {
            let told = self.told(payment);
            assert_eq!(to, id(owner(payment)));
            let figures = [message.moved, message.taken, message.frozen].map(|amount| amount.units() / 10_000);
            assert_eq!(figures, [told.moved, told.taken, told.frozen]);
            assert_eq!(message.disowned, told.disowned);
            self.posted += 1;
            self.moves.insert(payment, (self.posted, message, told));
        }
    }

    fn remember(&mut self, account: usize, new: &NewToken, made_by: Option<usize>) -> usize {
        let (name, secret) = (new.label.clone(), new.label.clone());
        let known = &mut self.accounts[account].tokens;
        known.push(Token { name, secret, alive: true, used: false, login: new.login, made_by });
        known.len() - 1
    }

    /// First the shard, then the account that was paid, then the one that the card is of.
    fn use_other(&mut self, payment: usize, requests: usize) {
        let (a, b) = (home(payment), owner(payment));
        let until = self.now + WAIT + DAY_MS;
        let began = directory::begin(&self.shard, &key(payment), &id(b), until).unwrap();
        assert_eq!(began, self.payments[payment].known && !self.contested(payment));
        self.payments[payment].began |= began;
        if !began || requests < 2 {
            return;
        }
        let heads = self.act(a, |wallet| wallet.head_for(&key(payment), &id(b)));
        assert_eq!(heads, !self.accounts[a].disowned.contains(&payment));
        self.payments[payment].heads |= heads;
        if !heads || requests < 3 {
            return;
        }
        let seen = self.act(b, |wallet| wallet.card_owner(&card(b).id(), WAIT));
        assert_eq!(seen.is_some(), self.accounts[b].opens(self.now));
        let claim = seen.map_or(0, |seen| seen.claim);
        let request = LoginRequest { payment: key(payment), from: id(a), card: card(b).id(), claim, wait: WAIT };
        let answer = self.act(b, |wallet| wallet.begin_login(&request));
        let opens = self.accounts[b].opens(self.now) && !self.accounts[b].disowned.contains(&payment);
        let known = &mut self.accounts[b];
        if opens && !known.logins.contains_key(&payment) {
            let since = self.now;
            let login = Login { state: LoginState::Pending, claim, since, approved_by: None, token: None };
            known.logins.insert(payment, login);
        }
        let expected = known.logins.get(&payment).map(|login| login.state).ok_or(NotBegun::NoLogin);
        assert_eq!(answer.map(|login| login.state), expected);
    }

    fn decide(&mut self, payment: usize, approve: bool, by: usize) {
        let account = owner(payment);
        let Some(by) = self.caller(account, by) else { return };
        let answer = self.by(account, by, |wallet| wallet.decide_login(&key(payment), approve));
        let Some(state) = self.accounts[account].logins.get(&payment).map(|login| login.state) else {
            assert_eq!(answer, Err(NoLogin));
            return;
        };
        if approve {
            assert_eq!(answer.is_ok(), state != LoginState::Ended);
            if let (LoginState::Pending, Some(login)) = (state, self.accounts[account].logins.get_mut(&payment)) {
                (login.state, login.approved_by) = (LoginState::Approved, Some(by));
            }
            return;
        }
        let own = self.accounts[account].carries(Thing::Login(payment), Some(by));
        assert_eq!(answer, if own { Err(NoLogin) } else { Ok(()) });
        if !own {
            self.accounts[account].end(&[Thing::Login(payment)], Some(by));
        }
    }

    /// First the shard, then the account that the card is of, then the one that was paid.
    fn take(&mut self, payment: usize, requests: usize) {
        let (a, b) = (home(payment), owner(payment));
        let may = directory::may_take(&self.shard, &key(payment)).unwrap();
        assert_eq!(may, self.payments[payment].began && !self.contested(payment));
        if !may || requests < 2 {
            return;
        }
        let new = self.new_token(b, true);
        let taken = self.act(b, |wallet| wallet.take_login(&key(payment), &new));
        assert_eq!(taken, self.expect_taken(payment, &new));
        if !matches!(taken, Taken::Token | Taken::Used) || requests < 3 {
            return;
        }
        self.act(a, |wallet| wallet.move_payment(&key(payment)));
        let left =
            amount(payment) - self.payments[payment].reversed(payment).0 - self.payments[payment].reversed(payment).1;
        let moved = left.min(self.available(a).max(0));
        let disowned = self.accounts[a].disowned.contains(&payment);
        let known = &mut self.payments[payment];
        if known.reversed_before.is_none() && !disowned {
            let (taken, frozen) = known.reversed(payment);
            (known.moved, known.reversed_before) = (moved, Some(taken + frozen));
        }
    }

    fn expect_taken(&mut self, payment: usize, new: &NewToken) -> Taken {
        let (account, now) = (owner(payment), self.now);
        let known = &mut self.accounts[account];
        let Some(login) = known.logins.get(&payment).cloned() else { return Taken::Ended };
        let owned = known.card.as_ref().is_some_and(|card| card.owned && card.number == login.claim);
        let late = login.state != LoginState::Taken && login.since + WAIT + DAY_MS <= now;
        if login.state == LoginState::Ended || late || !owned || known.locked || known.closed {
            known.end(&[Thing::Login(payment)], None);
            return Taken::Ended;
        }
        match login.token {
            Some(token) if known.tokens[token].alive && !known.tokens[token].used => {
                known.tokens[token].secret = new.label.clone();
                Taken::Token
            }
            Some(_) => Taken::Used,
            None if login.state == LoginState::Pending && login.since + WAIT > now => Taken::NotYet,
            None => {
                // It comes from whoever claimed the card.
                let by = self.accounts[account].card.as_ref().map(|card| card.by);
                let token = self.remember(account, new, by);
                if let Some(login) = self.accounts[account].logins.get_mut(&payment) {
                    (login.state, login.token) = (LoginState::Taken, Some(token));
                }
                Taken::Token
            }
        }
    }

    fn claim_card(&mut self, account: usize, by: usize, now: bool) {
        let Some(by) = self.caller(account, by) else { return };
        let coming = Homecoming { payment: key(account), card: Some(card(account)), shows_at: 0 };
        let name = self.accounts[account].tokens[by].name.clone();
        let outcome = self.by(account, by, |wallet| wallet.come_home(&coming, &name.into()));
        let at = self.now;
        let known = &mut self.accounts[account];
        let owned = known.card.as_ref().is_some_and(|card| card.owned);
        if known.disowned.contains(&account) || known.locked || owned {
            assert_eq!(outcome, HomecomingOutcome::Done);
            return;
        }
        if known.card.is_none() {
            known.claims += 1;
            known.card = Some(Claim { number: known.claims, owned: false, by, at });
        }
        let claim = known.card.as_ref().map_or(0, |card| card.number);
        assert_eq!(outcome, HomecomingOutcome::Claiming { claim });
        if now {
            self.deliver(Message::Claimed { account, claim });
        } else {
            self.messages.push(Message::Claimed { account, claim });
        }
    }

    /// The directory forgets at once what is given up: that it may be late is another history.
    fn forget_cards(&self) {
        for account in 0..ACCOUNTS {
            for row in self.act(account, |wallet| wallet.unfinished_cards(9)) {
                if row.state == State::Releasing {
                    self.act(account, |wallet| wallet.released(&row.id, row.claim));
                }
            }
        }
    }

    fn tell(&mut self, account: usize) {
        let moves = self.moves.iter().filter(|(payment, _)| home(**payment) == account);
        self.messages.extend(moves.map(|(&payment, (sent, message, told))| Message::Moved {
            payment,
            sent: *sent,
            message: message.clone(),
            told: *told,
        }));
    }

    fn tell_contests(&mut self) {
        let contests = self.contests.iter().map(|&(payment, account)| Message::Contest { payment, account });
        self.messages.extend(contests);
    }

    /// What it does, and what follows.
    fn deliver(&mut self, message: Message) {
        match message {
            Message::Moved { payment, sent, message, told } => {
                let accepted = self.act(owner(payment), |wallet| wallet.receive(&message));
                let closed = self.accounts[owner(payment)].closed;
                let heard = &mut self.payments[payment].heard;
                assert_eq!(accepted, !closed || heard.1.moved > 0 || told.moved == 0);
                if accepted && sent > heard.0 {
                    *heard = (sent, told);
                    if told.disowned {
                        self.accounts[owner(payment)].disown(payment);
                    }
                }
                self.messages.push(Message::Answer { payment, message, accepted });
            }
            Message::Answer { payment, message, accepted } => {
                if !accepted {
                    self.act(home(payment), |wallet| wallet.refused_move(&key(payment)));
                    self.payments[payment].moved = 0;
                }
                if self.moves.get(&payment).is_some_and(|(_, newest, _)| *newest == message) {
                    self.moves.remove(&payment);
                }
            }
            Message::Contest { payment, account } => {
                self.act(account, |wallet| wallet.disown(&key(payment)));
                self.accounts[account].disown(payment);
                self.contests.remove(&(payment, account));
            }
            Message::Claimed { account, claim } => {
                self.act(account, |wallet| wallet.claimed(&card(account).id(), claim, true));
                if let Some(card) = self.accounts[account].card.as_mut().filter(|card| card.number == claim) {
                    card.owned = true;
                }
            }
        }
        self.post();
    }

    /// Everything arrives, until nobody has anything to tell.
    fn rest(&mut self) {
        for _ in 0..40 {
            while let Some(message) = self.messages.pop() {
                self.deliver(message);
                self.forget_cards();
            }
            for account in 0..ACCOUNTS {
                self.tell(account);
            }
            self.tell_contests();
            if self.messages.is_empty() {
                return;
            }
        }
        panic!("it comes to no rest: {:?}", self.messages);
    }

    fn rows(&self, account: usize, select: &str) -> Vec<Vec<Value>> {
        self.wallets[account].run(select, &[]).unwrap()
    }

    fn number(&self, account: usize, select: &str) -> i64 {
        match self.rows(account, select).pop().as_deref() {
            Some([Value::Integer(number)]) => *number,
            other => panic!("{select}: {other:?}"),
        }
    }

    /// After every step the accounts are what the model says.
    fn check(&self) {
        for (account, known) in self.accounts.iter().enumerate() {
            let balance = self.number(account, "SELECT balance FROM users");
            assert_eq!(balance, self.number(account, "SELECT SUM(amount) FROM entries"), "balance = sum(entries)");
            assert_eq!(balance, self.balance(account) * 10_000, "balance of {account}");
            let frozen = self.number(account, "SELECT frozen FROM users");
            assert_eq!(frozen, self.frozen(account) * 10_000, "frozen in {account}");
            let living = |token: &Token| vec![Value::from(token.name.clone()), hash(&token.secret).into()];
            let mut tokens: Vec<_> = known.tokens.iter().filter(|token| token.alive).map(living).collect();
            tokens.sort_by_key(|token| format!("{token:?}"));
            let mut real = self.rows(account, "SELECT id, hash FROM tokens WHERE hash IS NOT NULL");
            real.sort_by_key(|token| format!("{token:?}"));
            assert_eq!(real, tokens, "tokens of {account}");
            let login = |(payment, login): (&usize, &Login)| vec![key(*payment).into(), login.state.into()];
            let logins: Vec<_> = known.logins.iter().map(login).collect();
            assert_eq!(self.rows(account, "SELECT payment, state FROM logins ORDER BY payment"), logins);
            let cards = self.number(account, "SELECT COUNT(*) FROM cards WHERE state = 'owned'");
            assert_eq!(cards == 1, known.card.as_ref().is_some_and(|card| card.owned), "the card of {account}");
            assert!(!(known.locked || known.closed) || cards == 0);
        }
    }

    /// At rest, whatever the model says.
    fn check_rest(&self) {
        for (number, payment) in self.payments.iter().enumerate() {
            let (a, b) = (home(number), owner(number));
            let key = key(number);
            if payment.credited {
                let of_it = format!(
                    "SELECT COALESCE(SUM(amount), 0) FROM entries WHERE detail = 'pi_{number}'
                     OR key IN ('moved:{key}', 'moved:back:{key}') OR key LIKE 'moved:in:{key}%'"
                );
                let sum: i64 = (0..ACCOUNTS).map(|account| self.number(account, &of_it)).sum();
                let here = format!("SELECT amount - taken FROM payments WHERE key = '{key}'");
                assert_eq!(sum, self.number(a, &here), "what is left of {key} is somewhere, and once");
                let here = format!("SELECT moved FROM payments WHERE key = '{key}'");
                let there = format!("SELECT COALESCE(SUM(moved), 0) FROM moved_in WHERE payment = '{key}'");
                assert_eq!(self.number(a, &here), self.number(b, &there), "both say the same about {key}");
            }
            let no_right = self.accounts[a].disowned.contains(&number) || (payment.known && self.contested(number));
            let lives = format!(
                "SELECT COUNT(*) FROM logins LEFT JOIN tokens ON tokens.id = logins.token
                 WHERE payment = '{key}' AND (state <> 'ended' OR hash IS NOT NULL)"
            );
            assert!(!no_right || self.number(b, &lives) == 0, "somebody is logged in by {key}");
        }
        for account in 0..ACCOUNTS {
            let select = "SELECT COUNT(*) FROM moved_in WHERE moved - taken - frozen < 0";
            assert_eq!(self.number(account, select), 0, "another's payment cost {account} something");
            let select = "SELECT COUNT(*) FROM logins JOIN tokens ON tokens.id = token WHERE state = 'ended' AND hash IS NOT NULL";
            assert_eq!(self.number(account, select), 0, "a token outlives its login in {account}");
            let frozen = "SELECT frozen - (SELECT COALESCE(SUM(frozen), 0) FROM moved_in) FROM users";
            assert!(self.number(account, frozen) >= 0);
        }
    }
}

proptest! {
    #![proptest_config(histories("STRIPEFLARE_MOVED_STEPS", 30_000, STEPS_PER_HISTORY, SEED))]

    #[test]
    fn accounts_agree_about_every_payment_that_moves_and_nobody_stays_who_should_not(
        steps in prop::collection::vec(step(), STEPS_PER_HISTORY)
    ) {
        let mut world = World::new();
        for step in &steps {
            world.step(step);
            world.check();
        }
        world.rest();
        world.check();
        world.check_rest();
        // No form, however old, brings anything back.
        world.now += 2 * DAY_MS;
        for payment in ACCOUNTS..PAYMENTS {
            let new = world.new_token(owner(payment), true);
            let again = world.accounts[owner(payment)].logins.get(&payment).is_some_and(|login| login.token.is_some());
            let taken = world.act(owner(payment), |wallet| wallet.take_login(&key(payment), &new));
            assert_eq!(taken, world.expect_taken(payment, &new));
            assert!(again || taken == Taken::Ended);
            world.steps += 1;
        }
        world.rest();
        world.check();
        world.check_rest();
    }
}
