//! What a shard of the directory is asked.

use serde::{Deserialize, Serialize};

use crate::account::{Credit, Reversal};
use crate::bytes;
use crate::clock::Millis;
use crate::directory;
use crate::directory::{Arrival, Note, Owner};
use crate::error::WalletError;
use crate::identity::AccountId;
use crate::protocol::account::{Disown, Reverse};
use crate::protocol::outgoing::tell;
use crate::protocol::{AnyCommand, Command, Erased, Handler, Object, Right, Shard};
use crate::sql::SqlError;
use crate::tables::Role;

commands! {
    /// To a shard of the directory.
    DirectoryCommand, Directory at Shard, by Handler:
    ClaimCard,
    OwnerOf,
    ForgetCard,
    Arrive,
    Credited,
    BeginAt,
    MayTake,
    Place,
    Find,
    FindOrPark,
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

/// A browser came back from paying.
#[derive(Debug, Serialize, Deserialize)]
pub struct Arrive {
    pub session: String,
    /// Empty for a browser without one.
    pub mark: String,
}

impl Handler for Arrive {
    type Reply = Arrival;

    fn run(&self, object: &dyn Object, now: Millis) -> Result<Self::Reply, SqlError> {
        let (arrival, to_disown) = directory::arrive(object.sql(), &self.session, &self.mark, now)?;
        disown(object, &self.session, &to_disown)?;
        Ok(arrival)
    }
}

fn disown(object: &dyn Object, session: &str, accounts: &[AccountId]) -> Result<(), SqlError> {
    let disown =
        |account| tell(object, format!("disown:{session}:{account}"), account, Disown { payment: session.to_owned() });
    accounts.iter().try_for_each(disown)
}

/// A session's payment was credited.
#[derive(Debug, Serialize, Deserialize)]
pub struct Credited {
    pub session: String,
    pub account: AccountId,
    /// Of the browser that left to pay.
    pub mark: Option<String>,
}

impl Handler for Credited {
    type Reply = ();

    fn run(&self, object: &dyn Object, now: Millis) -> Result<Self::Reply, SqlError> {
        let to_disown = directory::credited(object.sql(), &self.session, &self.account, self.mark.as_deref(), now)?;
        disown(object, &self.session, &to_disown)
    }
}

/// A login by a session's payment begins in another account.
#[derive(Debug, Serialize, Deserialize)]
pub struct BeginAt {
    pub session: String,
    pub to: AccountId,
    /// Until when it may be taken.
    pub until: Millis,
}

impl Handler for BeginAt {
    /// Whether it may begin.
    type Reply = bool;

    fn run(&self, object: &dyn Object, _now: Millis) -> Result<Self::Reply, SqlError> {
        directory::begin(object.sql(), &self.session, &self.to, self.until)
    }
}

/// May that login still be taken?
#[derive(Debug, Serialize, Deserialize)]
pub struct MayTake {
    pub session: String,
}

impl Handler for MayTake {
    type Reply = bool;

    fn run(&self, object: &dyn Object, _now: Millis) -> Result<Self::Reply, SqlError> {
        directory::may_take(object.sql(), &self.session)
    }
}

/// A payment goes to an account, unless it went elsewhere before, and is taken back as far as is known. The shard sees to it
/// that the account hears of both; whoever asks may tell it at once.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Place {
    pub credit: Credit,
    pub reversals: Vec<Reversal>,
}

/// Where a payment went first, and what is known to go back of it.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Placed {
    pub account: AccountId,
    pub reversals: Vec<Reversal>,
}

impl Place {
    /// What the payment is known by in the directory.
    pub fn payment_intent(&self) -> String {
        let Credit { key, payment_intent, .. } = &self.credit;
        payment_intent.clone().unwrap_or_else(|| format!("session:{key}"))
    }
}

impl Handler for Place {
    type Reply = Placed;

    fn run(&self, object: &dyn Object, _now: Millis) -> Result<Self::Reply, SqlError> {
        let payment_intent = self.payment_intent();
        let (account, mut reversals) = directory::place(object.sql(), &payment_intent, &self.credit.account)?;
        reversals.extend(self.reversals.iter().cloned());
        if account == self.credit.account {
            tell(object, format!("credit:{}", self.credit.key), &account, self.credit.clone())?;
        }
        for reversal in &reversals {
            let name = format!("reverse:{payment_intent}:{}", hex::encode(bytes::write(reversal)));
            let command = Reverse { payment_intent: payment_intent.clone(), reversal: reversal.clone() };
            tell(object, name, &account, command)?;
        }
        Ok(Placed { account, reversals })
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

/// This account is about to write a value of a `unique` column.
#[derive(Debug, Serialize, Deserialize)]
pub struct ClaimValue {
    pub key: String,
    pub account: AccountId,
    /// Who was found not to have it.
    pub instead_of: Option<Owner>,
}

impl Handler for ClaimValue {
    /// The claim, or who has it, if it is another.
    type Reply = Result<Millis, Owner>;

    fn run(&self, object: &dyn Object, now: Millis) -> Result<Self::Reply, SqlError> {
        directory::claim_value(object.sql(), &self.key, &self.account, self.instead_of.as_ref(), now)
    }
}

/// It has another value now than that of this claim.
#[derive(Debug, Serialize, Deserialize)]
pub struct FreeValue {
    pub key: String,
    pub account: AccountId,
    pub claim: Millis,
}

impl Handler for FreeValue {
    type Reply = ();

    fn run(&self, object: &dyn Object, _now: Millis) -> Result<Self::Reply, SqlError> {
        directory::free_value(object.sql(), &self.key, &self.account, self.claim)
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
