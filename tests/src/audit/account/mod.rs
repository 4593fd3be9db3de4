//! An account as it is stored, and what its own file can show.

mod cards;
mod entries;
mod holds;
mod moved;
mod payments;
mod read;
mod tokens;

use std::collections::{BTreeMap, BTreeSet};

use super::{Audit, DAY_MS, Figures};

pub(super) use self::moved::{Move, MovedIn};
pub(super) use self::read::columns;

/// An account as it is stored.
pub(super) struct Account {
    pub(super) id: String,
    pub(super) balance: i64,
    pub(super) frozen: i64,
    pub(super) revision: i64,
    pub(super) sent_revision: i64,
    pub(super) holds: Vec<Hold>,
    pub(super) usage: Usage,
    /// In the order they were written in.
    pub(super) entries: Vec<Entry>,
    pub(super) ledger: Ledger,
    pub(super) payments: Vec<Payment>,
    /// What was paid for each payment, with tax and shipping.
    paid: BTreeMap<String, i64>,
    pub(super) reversals: Vec<Reversal>,
    pub(super) moves: Vec<Move>,
    pub(super) moved_in: Vec<MovedIn>,
    pub(super) keys: Vec<IdempotencyKey>,
    /// Bytes of answers that are kept.
    pub(super) kept: i64,
    pub(super) cards: Vec<Card>,
    /// Payments whose claims are gone.
    pub(super) disowned: BTreeSet<String>,
    pub(super) tokens: Vec<Token>,
    pub(super) columns: Columns,
    /// Those columns of which no two accounts have one value.
    pub(super) unique: BTreeSet<String>,
}

/// The columns of the application, as SQL spells their values.
pub(super) type Columns = BTreeMap<String, String>;

/// Calls and their cost by day and route.
pub(super) type Usage = BTreeMap<(i64, String), (i64, i64)>;

pub(super) struct Hold {
    id: String,
    amount: i64,
    expires_at: i64,
    /// What a stream has cost so far: its expiry charges that.
    reported: Option<i64>,
}

pub(super) struct Entry {
    pub(super) key: String,
    place: i64,
    at: i64,
    pub(super) kind: String,
    pub(super) amount: i64,
    /// What folded has none.
    balance: Option<i64>,
    detail: Option<String>,
    /// How many charges it is.
    calls: i64,
    /// It is to fold one day.
    folds: bool,
}

/// What the row says of its entries.
pub(super) struct Ledger {
    /// How many are to fold.
    lines: i64,
    /// The last place.
    last: i64,
    /// Before this place all that fold did.
    folded: i64,
}

#[derive(Clone, PartialEq)]
pub(super) struct Payment {
    pub(super) key: String,
    pub(super) payment_intent: Option<String>,
    pub(super) amount: i64,
    pub(super) taken: i64,
    pub(super) frozen: i64,
}

pub(super) struct Reversal {
    key: String,
    payment: String,
    amount: i64,
    taken: i64,
    closed: bool,
}

impl Reversal {
    fn freezes(&self) -> i64 {
        if self.closed { 0 } else { self.amount - self.taken }
    }
}

pub(super) struct IdempotencyKey {
    key: String,
    hold: String,
    answered: bool,
}

pub(super) struct Card {
    pub(super) id: String,
    pub(super) label: String,
    pub(super) payment: String,
    pub(super) claim: i64,
    pub(super) state: String,
}

pub(super) struct Token {
    id: String,
    hash: Option<String>,
    manage: bool,
    /// Per day and in all.
    caps: [Option<i64>; 2],
    spent_day: i64,
    spent_total: i64,
    made_by: Option<String>,
}

impl Account {
    /// What its own file can show.
    pub(super) fn check(&self, now: i64, audit: &mut Audit) {
        let mut wrong = Vec::new();
        self.check_bounds(&mut wrong);
        self.check_entries(&mut wrong);
        self.check_payments(&mut wrong);
        self.check_moved(&mut wrong);
        self.check_holds(now, &mut wrong);
        self.check_usage(&mut wrong);
        self.check_cards(&mut wrong, audit);
        self.check_tokens(&mut wrong);
        for what in wrong {
            audit.violation(&self.id, what);
        }
        for hold in self.holds.iter().filter(|hold| hold.expires_at <= now && hold.reported.is_some()) {
            audit.unfinished(&self.id, format!("the stream of the hold {} is over and not charged", hold.id));
        }
        audit.accounts.insert(self.id.clone(), self.figures(now));
    }

    fn figures(&self, now: i64) -> Figures {
        let mut figures = Figures { balance: self.balance, frozen: self.frozen, ..Figures::default() };
        for entry in &self.entries {
            *figures.entries.entry(entry.kind.clone()).or_default() += 1;
            match entry.kind.as_str() {
                "credit" => figures.credited = figures.credited.saturating_add(entry.amount),
                "refund" | "dispute" => figures.taken = figures.taken.saturating_sub(entry.amount),
                "moved" => figures.moved = figures.moved.saturating_add(entry.amount),
                _ => figures.charged = figures.charged.saturating_sub(entry.amount),
            }
            if entry.kind == "capture" {
                figures.captured.insert(entry.key.clone());
            }
        }
        let charged = self.keys.iter().filter(|key| key.answered && figures.captured.contains(&key.hold));
        figures.keys = charged.map(|key| key.key.clone()).collect();
        figures.payment_intents = self.payments.iter().filter_map(|payment| payment.payment_intent.clone()).collect();
        figures.reversals = self.reversals.iter().map(|reversal| reversal.key.clone()).collect();
        let (open, expired): (Vec<_>, Vec<_>) = self.holds.iter().partition(|hold| hold.expires_at > now);
        figures.open = open.iter().map(|hold| (hold.id.clone(), hold.amount)).collect();
        figures.reported = open.iter().filter_map(|hold| Some((hold.id.clone(), hold.reported?))).collect();
        figures.expired = expired.len();
        let owned = self.cards.iter().filter(|card| card.state == "owned");
        figures.cards = owned.map(|card| card.label.clone()).collect();
        figures
    }

    fn check_bounds(&self, wrong: &mut Vec<String>) {
        let users = [("balance", self.balance), ("frozen", self.frozen)].into_iter();
        let holds = self.holds.iter().map(|hold| ("a hold", hold.amount));
        let amounts = |entry: &Entry| [("an entry", entry.amount), ("an entry", entry.balance.unwrap_or_default())];
        let entries = self.entries.iter().flat_map(amounts);
        let payments = self.payments.iter().map(|payment| ("a payment", payment.amount));
        let reversals = self.reversals.iter().flat_map(|it| [("a reversal", it.amount), ("a reversal", it.taken)]);
        for (what, amount) in users.chain(holds).chain(entries).chain(payments).chain(reversals) {
            if amount.unsigned_abs() > super::MAX_UNITS.unsigned_abs() {
                wrong.push(format!("{what} is past 2^53: {amount}"));
            }
        }
    }

    fn check_usage(&self, wrong: &mut Vec<String>) {
        let counted = self.counted(&self.usage);
        for (day, figures) in &self.usage {
            if counted.get(day) != Some(figures) {
                wrong.push(format!("its usage of {day:?} is {figures:?}, its entries say {:?}", counted.get(day)));
            }
        }
    }

    /// Usage by the entries. Where a day has too many names, those that were not told are counted together.
    pub(super) fn counted(&self, told: &Usage) -> Usage {
        let mut usage = Usage::new();
        let named = |day: i64, route: String| {
            let (named, others) = ((day, route), (day, "others".to_owned()));
            if told.contains_key(&named) || !told.contains_key(&others) { named } else { others }
        };
        for entry in self.entries.iter().filter(|entry| is_spent(entry)) {
            let route = entry.detail.clone().unwrap_or_default();
            let figures = usage.entry(named(entry.at.div_euclid(DAY_MS), route)).or_default();
            figures.0 += entry.calls;
            figures.1 -= entry.amount;
        }
        usage
    }
}

fn is_spent(entry: &Entry) -> bool {
    matches!(entry.kind.as_str(), "capture" | "charge" | "fold")
}

fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}
