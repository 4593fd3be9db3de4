use crate::account::Wallet;
use crate::error::WalletError;
use serde::{Deserialize, Serialize};

use crate::account::{
    AccountRow, CardRow, Charge, Charged, Claim, Credit, Denied, Ending, HoldId, IdempotencyKey, KeptAnswer, Line,
    Login, LoginOutcome, NewToken, Place, Refusal, Report, Reversal, Settled, Snapshot, TokenId, TokenInfo, Update,
};
use crate::aggregate::{Assigned, Assignment, Due, Page, Query, Sweep, Unclaimed};
use crate::directory::{Note, Owner};
use crate::identity::{AccountId, Proof};
use crate::money::{Cents, units};
use crate::read_only_sql::Table;
use crate::sql::Value;

/// What travels to an object: endings that happened to be due, and one command.
#[derive(Debug, Serialize, Deserialize)]
pub struct Envelope {
    pub endings: Vec<Ending>,
    /// The token of the caller on whose behalf the command goes; commands of ours are trusted and have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<Proof>,
    pub command: Command,
}

/// What an object is to do. Every command may arrive more than once: stubs die and are asked again.
#[derive(Debug, Serialize, Deserialize)]
pub enum Command {
    Account(AccountCommand),
    Directory(DirectoryCommand),
    Aggregate(AggregateCommand),
    /// What this object did since it woke up.
    Stats,
}

/// To an account.
#[derive(Debug, Serialize, Deserialize)]
pub enum AccountCommand {
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
    /// Lets the hold of a streamed answer live on.
    Renew { hold: HoldId, report: Report, seconds: u32 },
    /// One ending whose result matters.
    End {
        ending: Ending,
        /// What to keep for the caller's key.
        answer: Option<KeptAnswer>,
    },
    /// Writes the owner's columns.
    Update { update: Update },
    /// Charges at once.
    Charge { charge: Charge },
    /// Makes a token: one that manages may ask for it, and so may we.
    Mint { token: Box<NewToken> },
    /// The account's tokens.
    Tokens,
    /// Gives the caller's token this secret, by its hash.
    Rotate { hash: String },
    /// Ends a token.
    Revoke { id: TokenId },
    /// The caller's browser forgets its token; `forget`: also when it is the last way to money.
    LogOut { forget: bool },
    /// Ends all tokens but the caller's, which gets this secret.
    LogOutEverywhere { hash: String },
    /// Ends the account, once per key; `forfeit`: also with money left.
    Close { key: String, forfeit: bool },
    /// So many lines of the statement, older than a place.
    Lines { before: Option<Place>, count: usize },
    /// Credits a payment.
    Credit { credit: Credit },
    /// A fact about a refund or dispute.
    Reverse { payment_intent: String, reversal: Reversal },
    /// Somebody came back from paying: takes a token that manages.
    Login { login: Box<Login> },
    /// What the directory said of a claim.
    CardClaimed { id: String, claim: i64, owned: bool },
    /// The cards of the account: takes a token that manages.
    Cards,
    /// Begins to give up a card: takes a token that manages.
    ReleaseCard { id: String },
    /// The directory has forgotten a card.
    CardReleased { id: String, claim: i64 },
    /// An answer to a statement that reads.
    Look { statement: String, parameters: Vec<Value>, most: u32 },
}

/// To a shard of the directory.
#[derive(Debug, Serialize, Deserialize)]
pub enum DirectoryCommand {
    /// Claims a card.
    ClaimCard { id: String, account: AccountId, claim: i64 },
    /// Whose card is it?
    OwnerOf { id: String },
    /// Forgets a card.
    ForgetCard { id: String, account: AccountId, claim: i64 },
    /// Binds a Checkout Session to a cookie.
    Bind { session: String, cookie: String },
    /// Where a payment goes, unless it went elsewhere before.
    Place { payment_intent: String, account: AccountId },
    /// Where did this payment go?
    Find { payment_intent: String },
    /// The same, and the reversal waits there if nobody knows.
    FindOrPark { payment_intent: String, reversal: Reversal },
    /// What waits for this payment?
    Parked { payment_intent: String },
    /// The reversal waits for its payment, which is about to be credited.
    Park { payment_intent: String, reversal: Reversal },
    /// So much of what waited for this payment has arrived.
    Unpark { payment_intent: String, reversals: Vec<Reversal> },
    /// This account is about to write a value of a `unique` column.
    ClaimValue { key: String, account: AccountId, instead_of: Option<Owner> },
    /// It has another value now.
    FreeValue { key: String, account: AccountId },
    /// What is noted of the whole deployment under a name.
    Noted { name: String },
    /// Notes it; `once`: unless something was noted before.
    Note { name: String, text: String, once: bool },
    /// A guess at the operator's password, and where it came from.
    Guess { source: String, right: bool },
}

/// To the aggregate.
#[derive(Debug, Serialize, Deserialize)]
pub enum AggregateCommand {
    /// The newest state of an account.
    Mirror { snapshot: Box<Snapshot> },
    /// A page of accounts.
    FindUsers { query: Query },
    /// How many accounts there are.
    CountUsers { query: Query },
    /// Money that was credited to nobody.
    Unclaimed { unclaimed: Unclaimed },
    /// An answer to a statement that reads.
    Look { statement: String, parameters: Vec<Value>, most: u32 },
    /// Whose unclaimed money it is.
    Assign { assignment: Assignment },
    /// Unclaimed money was credited.
    Assigned {
        key: String,
        account: AccountId,
        #[serde(with = "units")]
        amount: Cents,
    },
    /// A refund or dispute of money that may be unclaimed.
    Reversed { payment_intent: String, reversal: Reversal },
    /// Unclaimed money that may be credited today.
    ToJudge { payment_link: String, currency: String, most: i64 },
    /// Which of these payments does it not know?
    Unknown { keys: Vec<String> },
    /// What is the sweep to ask about again?
    Due { most: i64 },
    /// The sweep could not do this; it is to be tried again.
    Again { what: String },
    /// The sweep has done it.
    NotAgain { what: String },
    /// How far has the sweep come?
    Sweep,
    /// So far.
    Swept { sweep: Sweep },
}

impl From<AccountCommand> for Command {
    fn from(command: AccountCommand) -> Self {
        Self::Account(command)
    }
}

impl From<DirectoryCommand> for Command {
    fn from(command: DirectoryCommand) -> Self {
        Self::Directory(command)
    }
}

impl From<AggregateCommand> for Command {
    fn from(command: AggregateCommand) -> Self {
        Self::Aggregate(command)
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub enum Reply {
    Done,
    Row(Box<AccountRow>),
    Reserved {
        /// Balance less open holds, this one among them.
        #[serde(with = "units")]
        available: Cents,
        /// The token with a cap that the hold counts against.
        token: Option<TokenId>,
        /// What the caller's key is called in the account.
        key: Option<String>,
        row: Option<Box<AccountRow>>,
    },
    /// Whether the hold lives on.
    Renewed(bool),
    Ended {
        settled: Settled,
        #[serde(with = "units")]
        available: Cents,
    },
    /// Whether it was made, and the row as it is now.
    Updated {
        made: bool,
        row: Box<AccountRow>,
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
    Tokens(Vec<TokenInfo>),
    Lines(Vec<Line>),
    Found(Option<AccountId>),
    /// What to credit, or why not.
    Assigned(Result<Box<Assigned>, String>),
    Parked(Vec<Reversal>),
    ToJudge(Vec<Unclaimed>),
    Unknown(Vec<String>),
    Sweep(Sweep),
    Due(Due),
    Is(bool),
    Login {
        outcome: LoginOutcome,
        /// Of the caller.
        token: TokenId,
    },
    Cards(Vec<CardRow>),
    Page(Page),
    Count(i64),
    /// Who has a value, if it is another.
    Owner(Option<Owner>),
    Looked(Result<Table, String>),
    /// What is noted now.
    Noted(Option<Note>),
    /// After how many seconds to guess again, if not now.
    Guess(Option<i64>),
    Stats(Stats),
    /// An error of ours: nothing was done.
    Failed(String),
    /// A variable does not fit the data: nothing was done.
    Misconfigured(String),
}

/// Counted in memory since the object woke up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stats {
    /// Commands answered, this one not counted.
    pub commands: u64,
    /// Rows written, as the cursors say it and Cloudflare bills it.
    pub rows_written: u64,
}

/// Whose command it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Right {
    /// Any token of the account may give it.
    Spend,
    /// A token that manages the account may.
    Manage,
    /// No token may: it comes from us.
    Ours,
}

impl AccountCommand {
    pub const fn right(&self) -> Right {
        match self {
            Self::Settle
            | Self::Read { .. }
            | Self::Reserve { .. }
            | Self::Renew { .. }
            | Self::End { .. }
            | Self::Update { .. }
            | Self::Charge { .. }
            | Self::Rotate { .. }
            | Self::LogOut { .. } => Right::Spend,
            Self::Mint { .. }
            | Self::Tokens
            | Self::Revoke { .. }
            | Self::LogOutEverywhere { .. }
            | Self::Close { .. }
            | Self::Lines { .. }
            | Self::Login { .. }
            | Self::Cards
            | Self::ReleaseCard { .. }
            | Self::Look { .. } => Right::Manage,
            Self::Credit { .. } | Self::Reverse { .. } | Self::CardClaimed { .. } | Self::CardReleased { .. } => {
                Right::Ours
            }
        }
    }

    /// Whether this very command was carried out before, and ended the token it comes with.
    pub fn was_done(&self, wallet: &Wallet<'_>) -> Result<bool, WalletError> {
        match self {
            Self::LogOutEverywhere { hash } => Ok(wallet.has_hash(hash)?),
            Self::Close { key, .. } => wallet.is_closed_by(key),
            _ => Ok(false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::Credit;
    use crate::identity::AccountId;
    use crate::schema::Schema;
    use crate::schema::migrate;
    use crate::tables::Role;
    use crate::testing::database;

    #[test]
    fn a_command_that_ended_its_own_token_is_known_when_it_comes_again() {
        let (sql, schema) = (database(), Schema::of::<()>());
        migrate(&sql, Role::Account, &schema).unwrap();
        let account = AccountId::from_hash(&[7; 32]);
        let first = Proof { hash: "first".into(), first: true };
        let mut wallet = Wallet::load_or_register(&sql, &schema, 1, &account).unwrap();
        wallet
            .credit(&Credit { account, key: "cs".into(), amount: Cents::new(5), paid: None, payment_intent: None })
            .unwrap();
        let everywhere = AccountCommand::LogOutEverywhere { hash: "fresh".into() };
        let close = AccountCommand::Close { key: "k".into(), forfeit: true };
        assert!(!everywhere.was_done(&wallet).unwrap() && !close.was_done(&wallet).unwrap());

        wallet.authenticate(&first).unwrap().unwrap();
        wallet.log_out_everywhere("fresh").unwrap().unwrap();
        assert_eq!(wallet.authenticate(&first).unwrap(), Err(Denied::Wrong));
        assert!(everywhere.was_done(&wallet).unwrap());
        wallet.close_account(&schema, "k", true).unwrap().unwrap();
        assert!(close.was_done(&wallet).unwrap());
        assert!(!AccountCommand::Close { key: "l".into(), forfeit: true }.was_done(&wallet).unwrap());
    }
}
