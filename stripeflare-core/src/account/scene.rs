//! What tests of logins and moved payments share: accounts, and what happens to them.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use crate::account::{
    Caps, Card, Charge, Credit, Homecoming, HomecomingOutcome, Kind, LastToken, LoginRequest, LoginState, MovedPayment,
    NewToken, NoLogin, NotBegun, Overdraft, Payer, PendingLogin, Reversal, Taken, Wallet,
};
use crate::clock::Millis;
use crate::error::WalletError;
use crate::identity::{AccountId, Proof};
use crate::money::Cents;
use crate::schema::{Schema, migrate};
use crate::tables::Role;
use crate::testing::database;

pub(crate) const SCHEMA: Schema = Schema::of::<()>();
pub(crate) const NOW: Millis = 1_800_000_000_000;
/// How long logins wait.
pub(crate) const WAIT: Millis = 60 * 60 * 1_000;

/// One account, with a clock of its own. Its first token is called `first`.
pub(crate) struct Scene {
    pub(crate) id: AccountId,
    pub(crate) sql: rusqlite::Connection,
    pub(crate) now: Cell<Millis>,
    /// What other accounts have yet to hear, by payment.
    pub(crate) moves: RefCell<BTreeMap<String, (AccountId, MovedPayment)>>,
}

impl Scene {
    /// An account that its owner has paid so many cents into.
    pub(crate) fn new(number: u8, cents: i64) -> Self {
        let sql = database();
        migrate(&sql, Role::Account, &SCHEMA).unwrap();
        let scene =
            Self { id: AccountId::from_hash(&[number; 32]), sql, now: Cell::new(NOW), moves: RefCell::default() };
        scene.pay("own", cents);
        scene
    }

    /// One with a card that opens it by now, claimed with a token `laptop`.
    pub(crate) fn with_card(number: u8, cents: i64) -> Self {
        let scene = Self::new(number, cents);
        scene.mint("first", "laptop");
        scene.claim(&visa(), "laptop", "own");
        scene.wait(WAIT);
        scene
    }

    pub(crate) fn wait(&self, ms: Millis) {
        self.now.set(self.now.get() + ms);
    }

    /// Something that we do.
    pub(crate) fn act<T>(&self, act: impl FnOnce(&mut Wallet<'_>) -> Result<T, WalletError>) -> T {
        let mut wallet = Wallet::load_or_register(&self.sql, &SCHEMA, self.now.get(), &self.id).unwrap();
        let result = act(&mut wallet).unwrap();
        let moves = wallet.moves_to_tell().unwrap().into_iter();
        self.moves.borrow_mut().extend(moves.map(|(to, moved)| (moved.payment.clone(), (to, moved))));
        wallet.save().unwrap();
        result
    }

    /// Something that the bearer of a token does.
    pub(crate) fn by<T>(&self, token: &str, act: impl FnOnce(&mut Wallet<'_>) -> Result<T, WalletError>) -> T {
        self.act(|wallet| {
            wallet.authenticate(&proof(token))?.unwrap();
            act(wallet)
        })
    }

    pub(crate) fn opens(&self, token: &str) -> bool {
        self.act(|wallet| wallet.authenticate(&proof(token))).is_ok()
    }

    pub(crate) fn pay(&self, key: &str, cents: i64) {
        let payer = Payer { name: Some(format!("payer of {key}")), email: Some(format!("{key}@example.com")) };
        let (account, amount, payment_intent) = (self.id.clone(), Cents::new(cents), Some(format!("pi_{key}")));
        self.act(|wallet| {
            wallet.credit(&Credit { account, key: key.into(), amount, paid: None, payment_intent, payer })
        });
    }

    pub(crate) fn spend(&self, key: &str, cents: i64) {
        let (key, amount, detail) = (key.to_owned(), Cents::new(cents), "GET /".to_owned());
        self.act(|wallet| wallet.charge(&Charge { key, amount, overdraft: Overdraft::Deny, detail })).unwrap();
    }

    pub(crate) fn mint(&self, by: &str, name: &str) {
        self.by(by, |wallet| wallet.mint(&token(name))).unwrap();
    }

    /// The directory lets this account have a card.
    pub(crate) fn claim(&self, card: &Card, by: &str, payment: &str) {
        let home = Homecoming { payment: payment.into(), card: Some(card.clone()), shows_at: self.now.get() };
        let outcome = self.by(by, |wallet| wallet.come_home(&home, &by.to_owned().into()));
        let HomecomingOutcome::Claiming { claim } = outcome else { panic!("it claims: {outcome:?}") };
        self.act(|wallet| wallet.claimed(&card.id(), claim, true));
    }

    /// Somebody who paid for this payment of another account asks to use this one, because [`visa`] is its card.
    pub(crate) fn begin(&self, payment: &str) -> Result<PendingLogin, NotBegun> {
        let card = visa().id();
        let owned = self.act(|wallet| Ok(wallet.cards()?.into_iter().find(|row| row.id == card)));
        let (payment, from) = (payment.to_owned(), AccountId::from_hash(&[1; 32]));
        let request = LoginRequest { payment, from, card, claim: owned.map_or(0, |row| row.claim), wait: WAIT };
        self.act(|wallet| wallet.begin_login(&request))
    }

    pub(crate) fn take(&self, payment: &str, name: &str) -> Taken {
        self.act(|wallet| wallet.take_login(payment, &NewToken { login: true, ..token(name) }))
    }

    pub(crate) fn decide(&self, by: &str, payment: &str, approve: bool) -> Result<(), NoLogin> {
        self.by(by, |wallet| wallet.decide_login(payment, approve))
    }

    /// Begins a login and takes it at once, because that token approves it.
    pub(crate) fn log_in(&self, payment: &str, name: &str, approved_by: &str) {
        self.begin(payment).unwrap();
        self.decide(approved_by, payment, true).unwrap();
        assert_eq!(self.take(payment, name), Taken::Token);
    }

    pub(crate) fn revoke(&self, by: &str, name: &str) -> Result<(), LastToken> {
        self.by(by, |wallet| wallet.revoke(&name.to_owned().into()))
    }

    pub(crate) fn state(&self, payment: &str) -> Option<LoginState> {
        self.act(|wallet| wallet.login(payment)).map(|login| login.state)
    }

    /// The labels of its tokens, in the order of the alphabet.
    pub(crate) fn tokens(&self) -> Vec<String> {
        let mut names: Vec<_> = self.act(|wallet| wallet.tokens()).into_iter().map(|token| token.label).collect();
        names.sort();
        names
    }

    /// The labels of the cards that open it.
    pub(crate) fn cards(&self) -> Vec<String> {
        self.act(|wallet| wallet.cards()).into_iter().map(|row| row.card.label).collect()
    }

    /// Balance, and what of it is available, in cents.
    pub(crate) fn money(&self) -> (i64, i64) {
        self.act(|wallet| Ok((wallet.balance().units() / 10_000, wallet.available()?.units() / 10_000)))
    }

    pub(crate) fn reverse(&self, payment: &str, fact: &Reversal) {
        self.act(|wallet| wallet.reverse(&format!("pi_{payment}"), fact));
    }
}

fn proof(token: &str) -> Proof {
    Proof { hash: format!("hash of {token}"), first: token == "first" }
}

/// One that manages.
pub(crate) fn token(name: &str) -> NewToken {
    let (hash, caps) = (proof(name).hash, Caps::default());
    let (id, label) = (name.to_owned().into(), name.to_owned());
    NewToken { id, hash, label, manage: true, login: false, caps, expires_at: None }
}

pub(crate) fn visa() -> Card {
    Card::of_fingerprint("visa", "visa".into())
}

pub(crate) fn refund(id: &str, cents: i64) -> Reversal {
    let (kind, id, amount) = (Kind::Refund, id.to_owned(), Cents::new(cents));
    Reversal { kind, id, amount, taken: amount, closed: false, moves: 1, at: 0, disowned: false }
}

/// A dispute that is open.
pub(crate) fn dispute(id: &str, cents: i64) -> Reversal {
    Reversal { kind: Kind::Dispute, taken: Cents::ZERO, moves: 0, ..refund(id, cents) }
}

pub(crate) fn lost(dispute: &Reversal) -> Reversal {
    Reversal { taken: dispute.amount, closed: true, moves: 1, at: 1, disowned: true, ..dispute.clone() }
}

/// Won before any money left.
pub(crate) fn won(dispute: &Reversal) -> Reversal {
    Reversal { closed: true, at: 1, ..dispute.clone() }
}
