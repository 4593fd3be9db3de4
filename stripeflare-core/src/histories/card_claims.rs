//! Cards of several accounts and the directory through random histories: whatever stops halfway, comes twice or comes late,
//! at the end the accounts and the directory say the same about every card, and nothing is claimed that was given up.
//!
//! `STRIPEFLARE_CLAIM_STEPS` says how many steps to take in all.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::histories;
use crate::account::{Card, Credit, Homecoming, HomecomingOutcome, State, TokenId, Wallet};
use crate::clock::Millis;
use crate::directory;
use crate::error::WalletError;
use crate::identity::AccountId;
use crate::money::Cents;
use crate::schema::{Schema, migrate};
use crate::sql::{Sql, Value};
use crate::tables::Role;
use crate::testing::database;

const SEED: u64 = 20_261_126;
const STEPS_PER_HISTORY: usize = 80;
const SCHEMA: Schema = Schema::of::<()>();
const NOW: Millis = 1_800_000_000_000;
const ACCOUNTS: usize = 4;
const CARDS: u8 = 2;

#[derive(Clone, Debug)]
enum Step {
    /// A payer comes back.
    LogIn { account: usize, card: u8 },
    /// The owner gives up a card.
    Remove { account: usize, card: u8 },
    /// A token is revoked, and with it everything claimed here so far.
    Revoke { account: usize },
    /// A payment turns out to be fraud.
    Disown { payment: u8 },
    /// An alarm looks at what is unfinished.
    Ring { account: usize },
    /// One of the messages under way arrives; `again` leaves it to arrive once more.
    Deliver { message: usize, again: bool },
}

/// What is under way, and what its sender does when it is answered.
#[derive(Clone, Copy, Debug)]
enum Message {
    Claim { account: usize, card: u8, claim: i64 },
    Claimed { account: usize, card: u8, claim: i64, owned: bool },
    Forget { account: usize, card: u8, claim: i64 },
    Released { account: usize, card: u8, claim: i64 },
}

fn step() -> impl Strategy<Value = Step> {
    let account = 0..ACCOUNTS;
    prop_oneof![
        5 => (account.clone(), 0..CARDS).prop_map(|(account, card)| Step::LogIn { account, card }),
        2 => (account.clone(), 0..CARDS).prop_map(|(account, card)| Step::Remove { account, card }),
        1 => account.clone().prop_map(|account| Step::Revoke { account }),
        1 => (0..ACCOUNTS as u8).prop_map(|payment| Step::Disown { payment }),
        4 => account.prop_map(|account| Step::Ring { account }),
        14 => (0..60_usize, prop::bool::weighted(0.2)).prop_map(|(message, again)| Step::Deliver { message, again }),
    ]
}

fn id(account: usize) -> AccountId {
    AccountId::from_hash(&[u8::try_from(account).unwrap(); 32])
}

fn card(number: u8) -> Card {
    Card::of_fingerprint(&number.to_string(), format!("visa {number}"))
}

/// Its own name for what it claims; revoking it changes nothing about the token, so that more can be claimed under it.
fn token() -> TokenId {
    "first".to_owned().into()
}

struct World {
    accounts: Vec<rusqlite::Connection>,
    directory: rusqlite::Connection,
    messages: Vec<Message>,
    disowned: BTreeSet<u8>,
}

impl World {
    fn new() -> Self {
        let account = |account: usize| {
            let sql = database();
            migrate(&sql, Role::Account, &SCHEMA).unwrap();
            let now = NOW + account as Millis;
            let mut wallet = Wallet::load_or_register(&sql, &SCHEMA, now, &id(account)).unwrap();
            let (key, payment_intent) = (account.to_string(), Some(format!("pi_{account}")));
            wallet
                .credit(&Credit {
                    account: id(account),
                    key,
                    amount: Cents::new(5),
                    payment_intent,
                    paid: None,
                    payer: Default::default(),
                })
                .unwrap();
            wallet.save().unwrap();
            sql
        };
        let directory = database();
        migrate(&directory, Role::Directory, &SCHEMA).unwrap();
        Self {
            accounts: (0..ACCOUNTS).map(account).collect(),
            directory,
            messages: Vec::new(),
            disowned: BTreeSet::new(),
        }
    }

    fn at<T>(&self, account: usize, act: impl FnOnce(&mut Wallet<'_>) -> Result<T, WalletError>) -> T {
        let mut wallet = Wallet::load(&self.accounts[account], &SCHEMA, NOW + 100).unwrap().unwrap();
        let result = act(&mut wallet).unwrap();
        wallet.save().unwrap();
        result
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::LogIn { account, card: number } => {
                let home = Homecoming { payment: account.to_string(), card: Some(card(number)), shows_at: 0 };
                let outcome = self.at(account, |wallet| wallet.come_home(&home, &token()));
                if let HomecomingOutcome::Claiming { claim } = outcome {
                    self.messages.push(Message::Claim { account, card: number, claim });
                }
            }
            Step::Remove { account, card: number } => {
                if let Some(row) = self.at(account, |wallet| wallet.release_card(&card(number).id())) {
                    self.messages.push(Message::Forget { account, card: number, claim: row.claim });
                }
            }
            Step::Revoke { account } => self.at(account, |wallet| wallet.revoke(&token()).map(drop)),
            Step::Disown { payment } => {
                self.disowned.insert(payment);
                self.at(payment.into(), |wallet| wallet.disown(&payment.to_string()));
            }
            Step::Ring { account } => self.ring(account),
            Step::Deliver { message, again } => {
                if self.messages.is_empty() {
                    return;
                }
                let index = message % self.messages.len();
                let message = if again { self.messages[index] } else { self.messages.swap_remove(index) };
                self.deliver(message);
            }
        }
    }

    fn ring(&mut self, account: usize) {
        let rows = self.at(account, |wallet| wallet.unfinished_cards(9));
        for row in rows {
            let number: u8 = row.card.label.trim_start_matches("visa ").parse().unwrap();
            self.messages.push(match row.state {
                State::Claiming => Message::Claim { account, card: number, claim: row.claim },
                State::Releasing => Message::Forget { account, card: number, claim: row.claim },
                State::Owned => unreachable!("it is finished"),
            });
        }
    }

    /// What it does, and what its sender then sends.
    fn deliver(&mut self, message: Message) {
        let sql = &self.directory;
        let next = match message {
            Message::Claim { account, card: number, claim } => {
                let owner = directory::claim(sql, &card(number).id(), &id(account), claim, NOW).unwrap();
                Some(Message::Claimed { account, card: number, claim, owned: owner == Some(id(account)) })
            }
            Message::Claimed { account, card: number, claim, owned } => {
                self.at(account, |wallet| wallet.claimed(&card(number).id(), claim, owned));
                None
            }
            Message::Forget { account, card: number, claim } => {
                directory::release(sql, &card(number).id(), &id(account), claim, NOW).unwrap();
                Some(Message::Released { account, card: number, claim })
            }
            Message::Released { account, card: number, claim } => {
                self.at(account, |wallet| wallet.released(&card(number).id(), claim));
                None
            }
        };
        self.messages.extend(next);
    }

    fn rows(&self, sql: &rusqlite::Connection, select: &str) -> Vec<Vec<Value>> {
        let _ = self;
        sql.run(select, &[]).unwrap()
    }

    /// Lets everything arrive, and then the alarms ring until nothing is left to do.
    fn rest(&mut self) {
        for _ in 0..40 {
            while let Some(message) = self.messages.pop() {
                self.deliver(message);
            }
            for account in 0..ACCOUNTS {
                self.ring(account);
            }
            if self.messages.is_empty() {
                return;
            }
        }
        panic!("it comes to no rest: {:?}", self.messages);
    }

    fn check(&self) {
        let owners: Vec<(String, String, i64)> = self
            .rows(&self.directory, "SELECT identity, account, claim FROM owners")
            .into_iter()
            .map(|row| match &row[..] {
                [Value::Text(card), Value::Text(account), Value::Integer(claim)] => {
                    (card.clone(), account.clone(), *claim)
                }
                other => panic!("{other:?}"),
            })
            .collect();
        let mut owned = BTreeSet::new();
        for account in 0..ACCOUNTS {
            for row in self.at(account, |wallet| wallet.cards()) {
                let payment: u8 = row.payment.parse().unwrap();
                assert!(!self.disowned.contains(&payment), "a disowned payment's claim");
                let entry = owners.iter().find(|(card, ..)| *card == row.id).expect("the directory knows it");
                assert_eq!(entry.1, id(account).as_str());
                assert!(entry.2 <= row.claim, "it can be released");
                assert!(owned.insert(row.id.clone()), "a card of two accounts");
            }
        }
        assert_eq!(owned.len(), owners.len(), "the directory knows no other");
    }
}

proptest! {
    #![proptest_config(histories("STRIPEFLARE_CLAIM_STEPS", 20_000, STEPS_PER_HISTORY, SEED))]

    #[test]
    fn accounts_and_directory_agree_about_every_card_in_the_end(
        steps in prop::collection::vec(step(), STEPS_PER_HISTORY)
    ) {
        let mut world = World::new();
        for step in &steps {
            world.step(step);
        }
        world.rest();
        world.check();
    }
}
