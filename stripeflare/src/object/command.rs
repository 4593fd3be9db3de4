use serde::{Deserialize, Serialize};

use crate::account::{AccountId, Proof};
use crate::money::{Cents, units};
use crate::wallet::outbox::Snapshot;
use crate::wallet::sweep::Sweep;
use crate::wallet::{
    Account, Assignment, Charge, Charged, Claim, Credit, Denied, Ending, HoldId, IdempotencyKey, KeptAnswer, NewToken,
    Refusal, Reversal, Settled, TokenId, Unclaimed,
};

/// What travels to an object: endings that happened to be due, and one command.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Envelope {
    pub(crate) endings: Vec<Ending>,
    /// The token of the caller on whose behalf the command goes; commands of ours are trusted and have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) token: Option<Proof>,
    pub(crate) command: Command,
}

/// Every command may arrive more than once: stubs die and are asked again.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Command {
    /// Nothing beside the endings.
    Settle,
    /// The account's row.
    Read { account: AccountId },
    /// Sets money aside.
    Reserve {
        hold: HoldId,
        #[serde(with = "units")]
        amount: Cents,
        seconds: u32,
        /// Whether the handler wants the account's row.
        row: bool,
        key: Option<IdempotencyKey>,
    },
    /// One ending whose result matters.
    End {
        ending: Ending,
        /// What to keep for the caller's key.
        answer: Option<KeptAnswer>,
    },
    /// Charges at once.
    Charge { charge: Charge },
    /// Makes a token: one that manages may ask for it, and so may we.
    Mint { token: Box<NewToken> },
    /// Credits a payment.
    Credit { credit: Credit },
    /// A fact about a refund or dispute.
    Reverse { payment_intent: String, reversal: Reversal },
    /// To a directory shard: where a payment goes, unless it went elsewhere before.
    Place { payment_intent: String, account: AccountId },
    /// To a directory shard: where did this payment go?
    Find { payment_intent: String },
    /// The same, and the reversal waits there if nobody knows.
    FindOrPark { payment_intent: String, reversal: Reversal },
    /// To a directory shard: what waited for this payment has arrived.
    Unpark { payment_intent: String },
    /// To the aggregate: the newest state of an account.
    Mirror { snapshot: Box<Snapshot> },
    /// To the aggregate: money that was credited to nobody.
    Unclaimed { unclaimed: Unclaimed },
    /// To the aggregate: whose unclaimed money it is.
    Assign { assignment: Assignment },
    /// To the aggregate: unclaimed money was credited.
    Assigned {
        key: String,
        account: AccountId,
        #[serde(with = "units")]
        amount: Cents,
    },
    /// To the aggregate: which of these payments does it not know?
    Unknown { keys: Vec<String> },
    /// To the aggregate: how far has the sweep come?
    Sweep,
    /// To the aggregate: so far.
    Swept { sweep: Sweep },
    /// What this object did since it woke up.
    Stats,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Reply {
    Done,
    Row(Box<Account>),
    Reserved {
        /// Balance less open holds, this one among them.
        #[serde(with = "units")]
        available: Cents,
        /// The token with a cap that the hold counts against.
        token: Option<TokenId>,
        /// What the caller's key is called in the account.
        key: Option<String>,
        row: Option<Box<Account>>,
    },
    Ended {
        settled: Settled,
        #[serde(with = "units")]
        available: Cents,
    },
    Charged(Charged),
    Refused(Refusal),
    /// The caller's token does not do; the endings were carried out all the same.
    Denied(Denied),
    /// The caller's key stands for a call already.
    Claimed(Claim),
    /// Where a payment went first, and what waited for it.
    Placed {
        account: AccountId,
        parked: Vec<Reversal>,
    },
    Found(Option<AccountId>),
    /// What to credit, or why not.
    Assigned(Result<Credit, String>),
    Unknown(Vec<String>),
    Sweep(Sweep),
    Stats(Stats),
    /// An error of ours: nothing was done.
    Failed(String),
}

/// Counted in memory since the object woke up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stats {
    /// Commands answered, this one not counted.
    pub commands: u64,
    /// Rows written, as the cursors say it and Cloudflare bills it.
    pub rows_written: u64,
}
