//! Several accounts that go into each other through random histories: whatever is lost, repeated or late on the way between
//! them, money is neither lost nor doubled, and at the end all of it is where it belongs.
//!
//! `STRIPEFLARE_MERGE_STEPS` says how many steps to take in all.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::histories;
use crate::account::{
    Charge, Credit, Ending, HoldId, Kind, Merge, Outcome, Overdraft, Refusal, Reversal, Settled, Transfer, Wallet,
};
use crate::clock::Millis;
use crate::error::WalletError;
use crate::identity::AccountId;
use crate::money::Cents;
use crate::schema::{Schema, migrate};
use crate::sql::{Sql, Value};
use crate::tables::Role;
use crate::testing::database;

const SEED: u64 = 20_261_125;
const STEPS_PER_HISTORY: usize = 120;
const SCHEMA: Schema = Schema::of::<()>();
const NOW: Millis = 1_800_000_000_000;
/// Two of them in the same millisecond.
const REGISTERED: [Millis; 5] = [NOW, NOW + 1, NOW + 1, NOW + 2, NOW + 3];
const ACCOUNTS: usize = REGISTERED.len();

#[derive(Clone, Debug)]
enum Step {
    Credit {
        account: usize,
        payment: u8,
        units: i64,
    },
    Reserve {
        account: usize,
        hold: u8,
        units: i64,
        seconds: u32,
    },
    Capture {
        hold: u8,
        per_mille: i64,
        late: bool,
    },
    Release {
        hold: u8,
    },
    Charge {
        account: usize,
        key: u8,
        units: i64,
        overdraft: bool,
    },
    Reverse {
        payment: u8,
        reversal: u8,
        dispute: bool,
        units: i64,
        withdrawn: bool,
        returned_per_mille: i64,
        closed: bool,
    },
    Merge {
        from: usize,
        into: usize,
    },
    /// The alarm of an account that went begins; its messages are on their way from then on.
    Send {
        account: usize,
    },
    /// One message arrives, perhaps not for the first time; its sender may never hear of it.
    Deliver {
        message: usize,
        acknowledged: bool,
    },
    Wait {
        ms: Millis,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let account = 0..ACCOUNTS;
    let units = 1..2_000_000_i64;
    prop_oneof![
        4 => (account.clone(), 0..20_u8, units.clone())
            .prop_map(|(account, payment, units)| Step::Credit { account, payment, units }),
        6 => (account.clone(), 0..40_u8, 1..400_000_i64, 1..60_u32)
            .prop_map(|(account, hold, units, seconds)| Step::Reserve { account, hold, units, seconds }),
        5 => (0..40_u8, 0..=1_000_i64, any::<bool>())
            .prop_map(|(hold, per_mille, late)| Step::Capture { hold, per_mille, late }),
        2 => (0..40_u8).prop_map(|hold| Step::Release { hold }),
        2 => (account.clone(), 0..40_u8, 1..400_000_i64, any::<bool>())
            .prop_map(|(account, key, units, overdraft)| Step::Charge { account, key, units, overdraft }),
        5 => (0..20_u8, 0..20_u8, any::<bool>(), units, any::<bool>(), 0..=1_000_i64, any::<bool>()).prop_map(
            |(payment, reversal, dispute, units, withdrawn, returned_per_mille, closed)| Step::Reverse {
                payment, reversal, dispute, units, withdrawn, returned_per_mille, closed,
            }
        ),
        2 => (account.clone(), account.clone()).prop_map(|(from, into)| Step::Merge { from, into }),
        6 => account.prop_map(|account| Step::Send { account }),
        8 => (0..1_000_usize, any::<bool>())
            .prop_map(|(message, acknowledged)| Step::Deliver { message, acknowledged }),
        2 => (0..60_000_i64).prop_map(|ms| Step::Wait { ms }),
    ]
}

/// What an account's alarm takes out.
fn move_out(wallet: &mut Wallet<'_>) -> Result<Vec<Transfer>, WalletError> {
    wallet.transfers()
}

fn id(account: usize) -> AccountId {
    AccountId::from_hash(&[u8::try_from(account).unwrap(); 32])
}

fn hold_id(hold: u8) -> HoldId {
    serde_json::from_value(serde_json::Value::String(format!("hold{hold:05}"))).unwrap()
}

/// The accounts, the messages between them, and what they should come to, counted apart.
struct World {
    now: Millis,
    accounts: Vec<rusqlite::Connection>,
    messages: Vec<(usize, Transfer)>,
    /// Of each payment: its account, what was credited, and its reversals.
    payments: BTreeMap<u8, (usize, i64)>,
    reversals: BTreeMap<(bool, u8), (u8, i64, bool, i64)>,
    /// Of each hold: its account and amount.
    holds: BTreeMap<u8, (usize, i64)>,
    released: BTreeSet<u8>,
    spent: i64,
    charged: BTreeSet<(usize, u8)>,
    into: BTreeMap<usize, usize>,
}

impl World {
    fn new() -> Self {
        let account = |account: usize| {
            let sql = database();
            migrate(&sql, Role::Account, &SCHEMA).unwrap();
            Wallet::load_or_register(&sql, &SCHEMA, REGISTERED[account], &id(account)).unwrap();
            sql
        };
        Self {
            now: NOW + 10,
            accounts: (0..ACCOUNTS).map(account).collect(),
            messages: Vec::new(),
            payments: BTreeMap::new(),
            reversals: BTreeMap::new(),
            holds: BTreeMap::new(),
            released: BTreeSet::new(),
            spent: 0,
            charged: BTreeSet::new(),
            into: BTreeMap::new(),
        }
    }

    fn at<T>(
        &self,
        account: usize,
        act: impl FnOnce(&mut Wallet<'_>) -> Result<T, WalletError>,
    ) -> Result<T, WalletError> {
        let sql = &self.accounts[account];
        sql.execute_batch("BEGIN").unwrap();
        let mut wallet = Wallet::load(sql, &SCHEMA, self.now).unwrap().unwrap();
        let result = act(&mut wallet);
        match &result {
            Ok(_) => drop(wallet.save().unwrap()),
            Err(_) => drop(wallet),
        }
        sql.execute_batch(if result.is_ok() { "COMMIT" } else { "ROLLBACK" }).unwrap();
        result
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Wait { ms } => self.now += ms,
            Step::Credit { account, payment, units } => {
                let account = self.payments.get(&payment).map_or(account, |known| known.0);
                let credit = Credit {
                    account: id(account),
                    key: format!("cs{payment}"),
                    amount: Cents::from_units(units),
                    payment_intent: Some(format!("pi{payment}")),
                };
                if self.at(account, |wallet| wallet.credit(&credit)).unwrap() {
                    self.payments.insert(payment, (account, units));
                }
            }
            Step::Reserve { account, hold, units, seconds } => {
                if self.holds.contains_key(&hold) {
                    return;
                }
                let amount = Cents::from_units(units);
                let said = self.at(account, |wallet| wallet.reserve(&hold_id(hold), amount, seconds)).unwrap();
                if self.into.contains_key(&account) {
                    assert_eq!(said, Err(Refusal::Merged));
                }
                if said.is_ok() {
                    self.holds.insert(hold, (account, units));
                }
            }
            Step::Capture { hold, per_mille, late } => {
                let Some((account, units)) = self.holds.get(&hold).copied() else { return };
                let amount = Cents::from_units((units * per_mille / 1_000).max(1));
                // One ending per hold.
                if self.released.contains(&hold) {
                    return;
                }
                let outcome = Outcome::Capture { amount, detail: "GET /".into(), late };
                let ending = Ending { hold: hold_id(hold), outcome, key: None, token: None };
                if self.at(account, |wallet| wallet.settle(&ending)).unwrap() == Settled::Captured {
                    self.spent += amount.units();
                }
            }
            Step::Release { hold } => {
                let Some((account, _)) = self.holds.get(&hold).copied() else { return };
                self.released.insert(hold);
                let ending = Ending { hold: hold_id(hold), outcome: Outcome::Release, key: None, token: None };
                self.at(account, |wallet| wallet.settle(&ending)).unwrap();
            }
            Step::Charge { account, key, units, overdraft } => {
                let overdraft = if overdraft { Overdraft::Allow } else { Overdraft::Deny };
                let charge =
                    Charge { key: key.to_string(), amount: Cents::from_units(units), overdraft, detail: "job".into() };
                let said = self.at(account, |wallet| wallet.charge(&charge)).unwrap();
                if said.is_ok_and(|charged| !charged.already) {
                    assert!(!self.into.contains_key(&account) && self.charged.insert((account, key)));
                    self.spent += units;
                }
            }
            Step::Reverse { payment, reversal, dispute, units, withdrawn, returned_per_mille, closed } => {
                let payment = self.reversals.get(&(dispute, reversal)).map_or(payment, |known| known.0);
                let Some((account, _)) = self.payments.get(&payment).copied() else { return };
                let returned = units * returned_per_mille / 1_000;
                let fact = Reversal {
                    kind: if dispute { Kind::Dispute } else { Kind::Refund },
                    id: reversal.to_string(),
                    amount: Cents::from_units(units),
                    withdrawn,
                    returned: Cents::from_units(returned),
                    closed,
                    disowned: false,
                };
                self.at(account, |wallet| wallet.reverse(&format!("pi{payment}"), &fact)).unwrap();
                let known = self.reversals.entry((dispute, reversal)).or_insert((payment, 0, false, 0));
                *known = (payment, known.1.max(units), known.2 || withdrawn, known.3.max(returned));
            }
            Step::Merge { from, into } => {
                let merge =
                    Merge { into: id(into), registered_at: REGISTERED[into], token: "browser".to_owned().into() };
                let said = self.at(from, |wallet| wallet.merge(&merge));
                match self.into.get(&from) {
                    Some(known) if *known == into => assert_eq!(said.unwrap(), Ok(())),
                    Some(known) => assert_eq!(said.unwrap(), Err(id(*known))),
                    None if (REGISTERED[into], id(into)) < (REGISTERED[from], id(from)) => {
                        assert_eq!(said.unwrap(), Ok(()));
                        self.into.insert(from, into);
                    }
                    None => assert!(matches!(said, Err(WalletError::MergeOrder)), "{said:?}"),
                }
            }
            Step::Send { account } => {
                let sent = self.at(account, move_out).unwrap();
                let Some(into) = self.into.get(&account) else { return assert_eq!(sent, []) };
                self.messages.extend(sent.into_iter().map(|transfer| (*into, transfer)));
            }
            Step::Deliver { message, acknowledged } => {
                if !self.messages.is_empty() {
                    let (to, transfer) = self.messages[message % self.messages.len()].clone();
                    self.deliver(to, &transfer, acknowledged);
                }
            }
        }
    }

    fn deliver(&self, to: usize, transfer: &Transfer, acknowledged: bool) {
        self.at(to, |wallet| wallet.receive(transfer)).unwrap();
        if acknowledged {
            let from = (0..ACCOUNTS).find(|account| id(*account) == transfer.from).unwrap();
            self.at(from, |wallet| wallet.arrived(transfer.n)).unwrap();
        }
    }

    fn number(&self, account: usize, select: &str) -> i64 {
        match self.accounts[account].run(select, &[]).unwrap().pop().as_deref() {
            Some([Value::Integer(number)]) => *number,
            other => panic!("{select}: {other:?}"),
        }
    }

    fn balance(&self, account: usize) -> i64 {
        self.number(account, "SELECT balance FROM users")
    }

    /// What all accounts together should hold.
    fn total(&self) -> i64 {
        let taken = |payment: u8, credited: i64| {
            let of = self.reversals.values().filter(|known| known.0 == payment && known.2);
            of.map(|known| (known.1 - known.3).max(0)).sum::<i64>().min(credited)
        };
        self.payments.iter().map(|(payment, (_, credited))| credited - taken(*payment, *credited)).sum::<i64>()
            - self.spent
    }

    /// What has left one account and not reached the next.
    fn on_its_way(&self) -> i64 {
        let mut sum = 0;
        for from in 0..ACCOUNTS {
            for row in self.accounts[from].run("SELECT n, amount FROM transfers", &[]).unwrap() {
                let [Value::Integer(n), Value::Integer(amount)] = row[..] else { panic!("{row:?}") };
                let key = format!("transfer:{}:{n}", id(from));
                let there = format!("SELECT COUNT(*) FROM entries WHERE key = '{key}' AND amount = {amount}");
                let reached: i64 = (0..ACCOUNTS).map(|account| self.number(account, &there)).sum();
                assert!(reached <= 1, "{key} arrived twice");
                sum += if reached == 1 { 0 } else { amount };
            }
        }
        sum
    }

    fn check(&self) {
        for account in 0..ACCOUNTS {
            let sum = self.number(account, "SELECT COALESCE(SUM(amount), 0) FROM entries");
            assert_eq!(self.balance(account), sum, "balance = sum(entries)");
        }
        let balances: i64 = (0..ACCOUNTS).map(|account| self.balance(account)).sum();
        assert_eq!(balances + self.on_its_way(), self.total(), "no money is lost or doubled");
    }

    /// Lets every hold's time end and every message arrive.
    fn rest(&mut self) {
        self.now += 1_000_000;
        for _ in 0..ACCOUNTS {
            for account in 0..ACCOUNTS {
                self.messages.clear();
                self.step(&Step::Send { account });
                for (to, transfer) in self.messages.clone() {
                    self.deliver(to, &transfer, true);
                }
            }
        }
        self.check();
        assert_eq!(self.on_its_way(), 0);
        for account in self.into.keys() {
            let frozen = self.number(*account, "SELECT frozen FROM users");
            assert_eq!(self.balance(*account), frozen, "nothing stays behind but what disputes freeze");
        }
    }
}

proptest! {
    #![proptest_config(histories("STRIPEFLARE_MERGE_STEPS", 40_000, STEPS_PER_HISTORY, SEED))]

    #[test]
    fn accounts_that_go_into_each_other_keep_the_sum_of_their_money(
        steps in prop::collection::vec(step(), STEPS_PER_HISTORY)
    ) {
        let mut world = World::new();
        for step in &steps {
            world.step(step);
            world.check();
        }
        world.rest();
    }
}
