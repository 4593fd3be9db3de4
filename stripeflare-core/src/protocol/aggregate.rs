//! What the aggregate is asked.

use serde::{Deserialize, Serialize};

use crate::account::{Reversal, Snapshot};
use crate::aggregate;
use crate::aggregate::{AssignedCredit, Assignment, Due, Page, Query, Sweep, Unclaimed};
use crate::clock::Millis;
use crate::error::WalletError;
use crate::protocol::directory::Place;
use crate::protocol::outgoing::tell;
use crate::protocol::{Aggregate, AnyCommand, Command, Erased, Handler, Object, Right, Shard};
use crate::read_only_sql::Table;
use crate::schema::keep_currency;
use crate::sql::{SqlError, Value};
use crate::tables::Role;

commands! {
    /// To the aggregate.
    AggregateCommand, Aggregate at Aggregate, by Handler:
    Mirror,
    FindUsers,
    CountUsers,
    RecordUnclaimed,
    Look,
    Assign,
    Reversed,
    ToJudge,
    Unknown,
    ReadSweep,
    Swept,
    ReadDue,
    TryAgain,
    NotAgain,
}

pub(super) fn answer(object: &dyn Object, command: &AggregateCommand, now: Millis) -> Result<Vec<u8>, WalletError> {
    if object.known_role().get().is_none() {
        object.set_up(Role::Aggregate)?;
        Sweep::begin(object.sql(), now)?;
    }
    Ok(command.get().run(object, now)?)
}

/// The newest state of an account.
#[derive(Debug, Serialize, Deserialize)]
pub struct Mirror {
    pub snapshot: Box<Snapshot>,
}

impl Handler for Mirror {
    type Reply = ();

    fn run(&self, object: &dyn Object, now: Millis) -> Result<Self::Reply, SqlError> {
        keep_currency(object.sql(), object.currency())?;
        aggregate::fold_usage(object.sql(), now)?;
        aggregate::mirror(object.sql(), object.schema(), &self.snapshot, now)
    }
}

/// A page of accounts.
#[derive(Debug, Serialize, Deserialize)]
pub struct FindUsers {
    pub query: Query,
}

impl Handler for FindUsers {
    type Reply = Page;

    fn run(&self, object: &dyn Object, _now: Millis) -> Result<Self::Reply, SqlError> {
        aggregate::find(object.sql(), object.schema(), &self.query)
    }
}

/// How many accounts there are.
#[derive(Debug, Serialize, Deserialize)]
pub struct CountUsers {
    pub query: Query,
}

impl Handler for CountUsers {
    type Reply = i64;

    fn run(&self, object: &dyn Object, _now: Millis) -> Result<Self::Reply, SqlError> {
        aggregate::count(object.sql(), &self.query)
    }
}

/// Money that was credited to nobody.
#[derive(Debug, Serialize, Deserialize)]
pub struct RecordUnclaimed {
    pub unclaimed: Unclaimed,
}

impl Handler for RecordUnclaimed {
    type Reply = ();

    fn run(&self, object: &dyn Object, now: Millis) -> Result<Self::Reply, SqlError> {
        aggregate::record_unclaimed(object.sql(), &self.unclaimed, now)
    }
}

/// An answer to a statement that reads.
#[derive(Debug, Serialize, Deserialize)]
pub struct Look {
    pub statement: String,
    pub parameters: Vec<Value>,
    pub most: u32,
}

impl Handler for Look {
    /// Or what is wrong with it.
    type Reply = Result<Table, String>;

    fn run(&self, object: &dyn Object, _now: Millis) -> Result<Self::Reply, SqlError> {
        Ok(object.look(&self.statement, &self.parameters, self.most))
    }
}

/// Whose unclaimed money it is.
#[derive(Debug, Serialize, Deserialize)]
pub struct Assign {
    pub assignment: Assignment,
}

impl Handler for Assign {
    /// What the directory is told, or why not; whoever asks may tell it at once.
    type Reply = Result<Place, String>;

    fn run(&self, object: &dyn Object, now: Millis) -> Result<Self::Reply, SqlError> {
        let place = match aggregate::assign(object.sql(), &self.assignment, now)? {
            Ok(AssignedCredit { credit, reversals }) => Place { credit, reversals },
            Err(why) => return Ok(Err(why)),
        };
        let shard = Shard::of(&place.payment_intent());
        tell(object, format!("place:{}", place.credit.key), &shard, place.clone())?;
        Ok(Ok(place))
    }
}

/// A refund or dispute of money that may be unclaimed.
#[derive(Debug, Serialize, Deserialize)]
pub struct Reversed {
    pub payment_intent: String,
    pub reversal: Reversal,
}

impl Handler for Reversed {
    type Reply = ();

    fn run(&self, object: &dyn Object, _now: Millis) -> Result<Self::Reply, SqlError> {
        aggregate::reversed(object.sql(), &self.payment_intent, &self.reversal)
    }
}

/// Unclaimed money that may be credited today.
#[derive(Debug, Serialize, Deserialize)]
pub struct ToJudge {
    pub payment_link: String,
    pub currency: String,
    pub most: i64,
}

impl Handler for ToJudge {
    type Reply = Vec<Unclaimed>;

    fn run(&self, object: &dyn Object, now: Millis) -> Result<Self::Reply, SqlError> {
        aggregate::to_judge(object.sql(), &self.payment_link, &self.currency, self.most, now)
    }
}

/// Which of these payments does it not know?
#[derive(Debug, Serialize, Deserialize)]
pub struct Unknown {
    pub keys: Vec<String>,
}

impl Handler for Unknown {
    type Reply = Vec<String>;

    fn run(&self, object: &dyn Object, _now: Millis) -> Result<Self::Reply, SqlError> {
        aggregate::unknown(object.sql(), &self.keys)
    }
}

/// How far has the sweep come?
#[derive(Debug, Serialize, Deserialize)]
pub struct ReadSweep;

impl Handler for ReadSweep {
    type Reply = Sweep;

    fn run(&self, object: &dyn Object, _now: Millis) -> Result<Self::Reply, SqlError> {
        Sweep::load(object.sql())
    }
}

/// So far.
#[derive(Debug, Serialize, Deserialize)]
pub struct Swept {
    pub sweep: Sweep,
}

impl Handler for Swept {
    type Reply = ();

    fn run(&self, object: &dyn Object, _now: Millis) -> Result<Self::Reply, SqlError> {
        self.sweep.save(object.sql())
    }
}

/// What is the sweep to ask about again?
#[derive(Debug, Serialize, Deserialize)]
pub struct ReadDue {
    /// At most so many that failed.
    pub again: i64,
    /// And so many that have not ended.
    pub open: i64,
}

impl Handler for ReadDue {
    type Reply = Due;

    fn run(&self, object: &dyn Object, now: Millis) -> Result<Self::Reply, SqlError> {
        aggregate::due(object.sql(), self.again, self.open, now)
    }
}

/// The sweep could not do this; it is to be tried again.
#[derive(Debug, Serialize, Deserialize)]
pub struct TryAgain {
    pub what: String,
}

impl Handler for TryAgain {
    type Reply = ();

    fn run(&self, object: &dyn Object, now: Millis) -> Result<Self::Reply, SqlError> {
        aggregate::failed(object.sql(), &self.what, now)
    }
}

/// The sweep has done it.
#[derive(Debug, Serialize, Deserialize)]
pub struct NotAgain {
    pub what: String,
}

impl Handler for NotAgain {
    type Reply = ();

    fn run(&self, object: &dyn Object, _now: Millis) -> Result<Self::Reply, SqlError> {
        aggregate::done(object.sql(), &self.what)
    }
}
