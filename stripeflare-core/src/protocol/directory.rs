//! What a shard of the directory is asked.

use serde::{Deserialize, Serialize};

use crate::account::Reversal;
use crate::clock::Millis;
use crate::directory;
use crate::directory::{Note, Owner};
use crate::error::WalletError;
use crate::identity::AccountId;
use crate::protocol::{AnyCommand, Command, Erased, Handler, Object, Right, Shard};
use crate::sql::SqlError;
use crate::tables::Role;

commands! {
    /// To a shard of the directory.
    DirectoryCommand, Directory at Shard, by Handler:
    ClaimCard,
    OwnerOf,
    ForgetCard,
    Bind,
    Place,
    Find,
    FindOrPark,
    Park,
    Unpark,
    Waiting,
    ReadNote,
    KeepNote,
    ClaimValue,
    FreeValue,
    Guess,
}

pub(super) fn answer(object: &dyn Object, command: &DirectoryCommand, now: Millis) -> Result<Vec<u8>, WalletError> {
    object.set_up(Role::Directory)?;
    Ok(command.get().run(object, now)?)
}

/// Claims a card.
#[derive(Debug, Serialize, Deserialize)]
pub struct ClaimCard {
    pub id: String,
    pub account: AccountId,
    pub claim: i64,
}

impl Handler for ClaimCard {
    /// Whose it is by now.
    type Reply = Option<AccountId>;

    fn run(&self, object: &dyn Object, now: Millis) -> Result<Self::Reply, SqlError> {
        directory::claim(object.sql(), &self.id, &self.account, self.claim, now)
    }
}

/// Whose card is it?
#[derive(Debug, Serialize, Deserialize)]
pub struct OwnerOf {
    pub id: String,
}

impl Handler for OwnerOf {
    type Reply = Option<AccountId>;

    fn run(&self, object: &dyn Object, _now: Millis) -> Result<Self::Reply, SqlError> {
        directory::owner(object.sql(), &self.id)
    }
}

/// Forgets a card.
#[derive(Debug, Serialize, Deserialize)]
pub struct ForgetCard {
    pub id: String,
    pub account: AccountId,
    pub claim: i64,
}

impl Handler for ForgetCard {
    type Reply = ();

    fn run(&self, object: &dyn Object, now: Millis) -> Result<Self::Reply, SqlError> {
        directory::release(object.sql(), &self.id, &self.account, self.claim, now)
    }
}

/// Binds a Checkout Session to a cookie.
#[derive(Debug, Serialize, Deserialize)]
pub struct Bind {
    pub session: String,
    pub cookie: String,
}

impl Handler for Bind {
    /// Whether it is bound to this one.
    type Reply = bool;

    fn run(&self, object: &dyn Object, now: Millis) -> Result<Self::Reply, SqlError> {
        directory::bind(object.sql(), &self.session, &self.cookie, now)
    }
}

/// Where a payment goes, unless it went elsewhere before.
#[derive(Debug, Serialize, Deserialize)]
pub struct Place {
    pub payment_intent: String,
    pub account: AccountId,
}

/// Where a payment went first, and what waited for it.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Placed {
    pub account: AccountId,
    pub parked: Vec<Reversal>,
}

impl Handler for Place {
    type Reply = Placed;

    fn run(&self, object: &dyn Object, _now: Millis) -> Result<Self::Reply, SqlError> {
        let (account, parked) = directory::place(object.sql(), &self.payment_intent, &self.account)?;
        if !parked.is_empty() {
            object.ring_soon()?;
        }
        Ok(Placed { account, parked })
    }
}

/// Where did this payment go?
#[derive(Debug, Serialize, Deserialize)]
pub struct Find {
    pub payment_intent: String,
}

impl Handler for Find {
    type Reply = Option<AccountId>;

    fn run(&self, object: &dyn Object, _now: Millis) -> Result<Self::Reply, SqlError> {
        directory::find(object.sql(), &self.payment_intent)
    }
}

/// The same, and the reversal waits there if nobody knows.
#[derive(Debug, Serialize, Deserialize)]
pub struct FindOrPark {
    pub payment_intent: String,
    pub reversal: Reversal,
}

impl Handler for FindOrPark {
    type Reply = Option<AccountId>;

    fn run(&self, object: &dyn Object, now: Millis) -> Result<Self::Reply, SqlError> {
        directory::find_or_park(object.sql(), &self.payment_intent, &self.reversal, now)
    }
}

/// The reversal waits for its payment, which is about to be credited.
#[derive(Debug, Serialize, Deserialize)]
pub struct Park {
    pub payment_intent: String,
    pub reversal: Reversal,
}

impl Handler for Park {
    type Reply = ();

    fn run(&self, object: &dyn Object, now: Millis) -> Result<Self::Reply, SqlError> {
        directory::park(object.sql(), &self.payment_intent, &self.reversal, now)
    }
}

/// So much of what waited for this payment has arrived.
#[derive(Debug, Serialize, Deserialize)]
pub struct Unpark {
    pub payment_intent: String,
    pub reversals: Vec<Reversal>,
}

impl Handler for Unpark {
    type Reply = ();

    fn run(&self, object: &dyn Object, _now: Millis) -> Result<Self::Reply, SqlError> {
        directory::unpark(object.sql(), &self.payment_intent, &self.reversals)
    }
}

/// This account is about to write a value of a `unique` column.
#[derive(Debug, Serialize, Deserialize)]
pub struct ClaimValue {
    pub key: String,
    pub account: AccountId,
    /// Who was found not to have it.
    pub instead_of: Option<Owner>,
}

impl Handler for ClaimValue {
    /// Who has it, if it is another.
    type Reply = Option<Owner>;

    fn run(&self, object: &dyn Object, now: Millis) -> Result<Self::Reply, SqlError> {
        directory::claim_value(object.sql(), &self.key, &self.account, self.instead_of.as_ref(), now)
    }
}

/// It has another value now.
#[derive(Debug, Serialize, Deserialize)]
pub struct FreeValue {
    pub key: String,
    pub account: AccountId,
}

impl Handler for FreeValue {
    type Reply = ();

    fn run(&self, object: &dyn Object, _now: Millis) -> Result<Self::Reply, SqlError> {
        directory::free_value(object.sql(), &self.key, &self.account)
    }
}

/// A guess at the operator's password, and where it came from.
#[derive(Debug, Serialize, Deserialize)]
pub struct Guess {
    pub source: String,
    pub right: bool,
}

impl Handler for Guess {
    /// After how many seconds to guess again, if not now.
    type Reply = Option<i64>;

    fn run(&self, object: &dyn Object, now: Millis) -> Result<Self::Reply, SqlError> {
        directory::guess(object.sql(), &self.source, self.right, now)
    }
}

/// What waits for this payment?
#[derive(Debug, Serialize, Deserialize)]
pub struct Waiting {
    pub payment_intent: String,
}

impl Handler for Waiting {
    type Reply = Vec<Reversal>;

    fn run(&self, object: &dyn Object, _now: Millis) -> Result<Self::Reply, SqlError> {
        directory::waiting(object.sql(), &self.payment_intent)
    }
}

/// What is noted of the whole deployment under a name.
#[derive(Debug, Serialize, Deserialize)]
pub struct ReadNote {
    pub name: String,
}

impl Handler for ReadNote {
    type Reply = Option<Note>;

    fn run(&self, object: &dyn Object, _now: Millis) -> Result<Self::Reply, SqlError> {
        directory::noted(object.sql(), &self.name)
    }
}

/// Notes it; `once`: unless something was noted before.
#[derive(Debug, Serialize, Deserialize)]
pub struct KeepNote {
    pub name: String,
    pub text: String,
    pub once: bool,
}

impl Handler for KeepNote {
    /// What is noted now.
    type Reply = Note;

    fn run(&self, object: &dyn Object, now: Millis) -> Result<Self::Reply, SqlError> {
        directory::note(object.sql(), &self.name, &self.text, self.once, now)
    }
}
