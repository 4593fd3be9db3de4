//! What an account is asked.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::account::{
    AccountRow, CardRow, Charge, Charged, Claim, Credit, Denied, Ending, Folded, HandedOver, Handover, HoldId,
    IdempotencyKey, KeptAnswer, LastToken, Line, MovedPayment, NewToken, NotCharged, NotClosed, NotHandedOver,
    NotReserved, Outcome, Place, Report, Reversal, Rotated, Settled, Spender, TokenId, TokenInfo, TooManyTokens,
    Update, Wallet,
};
use crate::clock::Millis;
use crate::error::WalletError;
use crate::identity::{AccountId, Proof};
use crate::money::{Cents, units};
use crate::protocol::outgoing::tell;
use crate::protocol::{AnyCommand, Command, NotDone, Object, Right, Stats, codec};
use crate::read_only_sql::Table;
use crate::schema::keep_currency;
use crate::sql::Value;
use crate::tables::Role;

mod logins;
mod own;

pub use logins::{
    BeginLogin, CameHome, ComeHome, DecideLogin, Disown, FindCardOwner, FreeCard, HeadFor, Lock, MovePayment,
    PendingLogins, ReadLogin, TakeLogin,
};

pub use own::{ChangeRow, Full, ReadBySql};

commands! {
    /// To an account.
    AccountCommand, Account at AccountId, by Handler:
    Settle,
    Read,
    Reserve,
    Renew,
    End,
    Update,
    Charge,
    Mint,
    Tokens,
    Rotate,
    Revoke,
    LogOut,
    LogOutEverywhere,
    Close,
    Lines,
    Credit,
    Reverse,
    ComeHome,
    CameHome,
    CardClaimed,
    Cards,
    ReleaseCard,
    CardReleased,
    FreeCard,
    FindCardOwner,
    HeadFor,
    BeginLogin,
    ReadLogin,
    PendingLogins,
    DecideLogin,
    TakeLogin,
    MovePayment,
    MovedPayment,
    Disown,
    Lock,
    Look,
    ReadStats,
    Handover,
    HandedOver,
    ChangeRow,
    ReadBySql,
}

/// What an account answers, and does for it.
pub trait Handler {
    type Reply: Serialize + DeserializeOwned;
    const RIGHT: Right;

    fn run(&self, wallet: &mut Wallet<'_>, object: &dyn Object) -> Result<Self::Reply, WalletError>;

    /// Money that comes in opens an account.
    fn opens(&self) -> Option<&AccountId> {
        None
    }

    /// What is answered before anybody paid, if it is not that nobody did.
    fn before_anybody_paid(&self, _object: &dyn Object) -> Option<Self::Reply> {
        None
    }

    /// The answer, if this very command was carried out before and ended the token it comes with.
    fn was_done(&self, _wallet: &Wallet<'_>) -> Result<Option<Self::Reply>, WalletError> {
        Ok(None)
    }
}

/// A [`Handler`] whose reply is bytes already.
trait Erased {
    fn right(&self) -> Right;
    fn run(&self, wallet: &mut Wallet<'_>, object: &dyn Object) -> Result<Vec<u8>, WalletError>;
    fn opens(&self) -> Option<&AccountId>;
    fn before_anybody_paid(&self, object: &dyn Object) -> Option<Vec<u8>>;
    fn was_done(&self, wallet: &Wallet<'_>) -> Result<Option<Vec<u8>>, WalletError>;
}

impl<C: Handler> Erased for C {
    fn right(&self) -> Right {
        C::RIGHT
    }

    fn run(&self, wallet: &mut Wallet<'_>, object: &dyn Object) -> Result<Vec<u8>, WalletError> {
        Ok(codec::reply(&Handler::run(self, wallet, object)?))
    }

    fn opens(&self) -> Option<&AccountId> {
        Handler::opens(self)
    }

    fn before_anybody_paid(&self, object: &dyn Object) -> Option<Vec<u8>> {
        Handler::before_anybody_paid(self, object).map(|reply| codec::reply(&reply))
    }

    fn was_done(&self, wallet: &Wallet<'_>) -> Result<Option<Vec<u8>>, WalletError> {
        Ok(Handler::was_done(self, wallet)?.map(|reply| codec::reply(&reply)))
    }
}

pub(super) fn answer(
    object: &dyn Object,
    endings: &[Ending],
    token: Option<&Proof>,
    command: &AccountCommand,
    now: Millis,
) -> Result<Vec<u8>, WalletError> {
    let (command, of_a_call) = (command.get(), command.is_of_a_call());
    let opened = match command.opens() {
        Some(account) => {
            object.set_up(Role::Account)?;
            keep_currency(object.sql(), object.currency())?;
            let known = object.memory().recall();
            Some(Wallet::recall_or_register(known, object.sql(), object.schema(), now, account)?)
        }
        None => existing(object, now)?,
    };
    let Some(mut wallet) = opened else {
        // Only a first token can be one of an account that nobody has paid for.
        if token.is_some_and(|token| !token.first) {
            return Ok(codec::not_done(&NotDone::Denied(Denied::Wrong)));
        }
        return Ok(command.before_anybody_paid(object).unwrap_or_else(|| codec::not_done(&NotDone::Unregistered)));
    };
    wallet.expire()?;
    for ending in endings {
        wallet.settle(ending)?;
    }
    if !of_a_call {
        wallet.write_group()?;
    }
    let answer = carry_out(object, token, command, &mut wallet)?;
    save(object, wallet, !of_a_call)?;
    Ok(answer)
}

impl AccountCommand {
    /// Given all the time, it changes no token, and looks into nothing that a group is written to.
    const fn is_of_a_call(&self) -> bool {
        use AccountCommand as Any;
        matches!(
            self,
            Any::Settle(_)
                | Any::Read(_)
                | Any::Reserve(_)
                | Any::Renew(_)
                | Any::End(_)
                | Any::Charge(_)
                | Any::ReadStats(_)
        )
    }

    /// Most of these are done in memory alone.
    pub(super) const fn is_brief(&self) -> bool {
        matches!(self, Self::Reserve(Reserve { brief: true, key: None, .. }) | Self::ReadStats(_))
    }
}

/// The account, unless nobody has paid yet: then nothing is written, no table either.
fn existing(object: &dyn Object, now: Millis) -> Result<Option<Wallet<'_>>, WalletError> {
    if object.role()? != Some(Role::Account) {
        return Ok(None);
    }
    Wallet::recall(object.memory().recall(), object.sql(), object.schema(), now)
}

/// Work on the account that nobody asked for, in one transaction of its caller; what is pending is written first. `None`:
/// nobody has paid yet.
pub fn in_account<T>(
    object: &dyn Object,
    now: Millis,
    act: impl FnOnce(&mut Wallet<'_>) -> Result<T, WalletError>,
) -> Result<Option<T>, WalletError> {
    let Some(mut wallet) = existing(object, now)? else { return Ok(None) };
    wallet.write_group()?;
    let done = act(&mut wallet)?;
    keep(object, wallet, true)?;
    Ok(Some(done))
}

/// Writes what is pending, in one transaction of its caller.
pub fn write_group(object: &dyn Object, now: Millis) -> Result<(), WalletError> {
    let Some(mut wallet) = existing(object, now)? else { return Ok(()) };
    wallet.write_group()?;
    save(object, wallet, false)
}

fn carry_out(
    object: &dyn Object,
    token: Option<&Proof>,
    command: &dyn Erased,
    wallet: &mut Wallet<'_>,
) -> Result<Vec<u8>, WalletError> {
    if let Some(reply) = command.was_done(wallet)? {
        return Ok(reply);
    }
    if let Some(token) = token
        && let Err(why) = wallet.authenticate(token)?
    {
        return Ok(codec::not_done(&NotDone::Denied(why)));
    }
    let allowed = match command.right() {
        Right::Spend => true,
        Right::Manage => wallet.may_manage(),
        Right::Ours => token.is_none(),
    };
    if !allowed {
        return Ok(codec::not_done(&NotDone::Denied(Denied::Rights)));
    }
    command.run(wallet, object)
}

/// Writes the row, and sees to it that others hear of what changed and that reports of dead streams are charged.
fn save(object: &dyn Object, mut wallet: Wallet<'_>, anew: bool) -> Result<(), WalletError> {
    for (to, moved) in wallet.moves_to_tell()? {
        tell(object, format!("moved:{}", moved.payment), &to, moved)?;
    }
    wallet.write_row()?;
    // Without the disk nothing became so.
    if object.sql().is_there() {
        if wallet.is_unsent() {
            object.ring_soon()?;
        }
        if let Some(at) = wallet.next_expiry() {
            object.ring_by(at)?;
        }
    }
    keep(object, wallet, anew)
}

/// Writes the row. What is known of it then is remembered, unless it is to be read anew.
fn keep(object: &dyn Object, wallet: Wallet<'_>, anew: bool) -> Result<(), WalletError> {
    let mut known = wallet.into_known()?;
    if anew {
        known.forget();
    }
    object.memory().note(known);
    Ok(())
}

/// A payment's other account, asked by the alarm, does not take what moved.
pub(super) fn move_refused(object: &dyn Object, moved: &MovedPayment, now: Millis) -> Result<(), WalletError> {
    let Some(mut wallet) = existing(object, now)? else { return Ok(()) };
    wallet.write_group()?;
    wallet.refused_move(&moved.payment)?;
    save(object, wallet, true)
}

/// Nothing beside the endings.
#[derive(Debug, Serialize, Deserialize)]
pub struct Settle;

impl Handler for Settle {
    type Reply = ();
    const RIGHT: Right = Right::Spend;

    fn run(&self, _wallet: &mut Wallet<'_>, _object: &dyn Object) -> Result<Self::Reply, WalletError> {
        Ok(())
    }

    fn before_anybody_paid(&self, _object: &dyn Object) -> Option<Self::Reply> {
        Some(())
    }
}

/// The account's row.
#[derive(Debug, Serialize, Deserialize)]
pub struct Read {
    pub account: AccountId,
}

impl Handler for Read {
    type Reply = AccountRow;
    const RIGHT: Right = Right::Spend;

    fn run(&self, wallet: &mut Wallet<'_>, _object: &dyn Object) -> Result<Self::Reply, WalletError> {
        let pending_logins = if wallet.may_manage() { wallet.pending_logins()?.len() } else { 0 };
        Ok(AccountRow { pending_logins, ..wallet.show()? })
    }

    fn before_anybody_paid(&self, object: &dyn Object) -> Option<Self::Reply> {
        Some(AccountRow::unregistered(self.account.clone(), object.schema()))
    }
}

/// Sets money aside.
#[derive(Debug, Serialize, Deserialize)]
pub struct Reserve {
    pub hold: HoldId,
    #[serde(with = "units")]
    pub amount: Cents,
    /// Where less than `amount` is there, what is there will do from here on.
    #[serde(with = "units")]
    pub least: Cents,
    pub seconds: u32,
    /// Whether the call ends soon, most likely: not while an answer streams.
    pub brief: bool,
    /// Whether the handler wants the account's row.
    pub row: bool,
    pub key: Option<IdempotencyKey>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Reserved {
    #[serde(with = "units")]
    pub held: Cents,
    /// Balance less open holds, this one among them.
    #[serde(with = "units")]
    pub available: Cents,
    /// The token that the hold is charged to.
    pub token: Option<Spender>,
    /// What the caller's key is called in the account.
    pub key: Option<String>,
    pub row: Option<AccountRow>,
}

impl Handler for Reserve {
    type Reply = Result<Reserved, NotReserved>;
    const RIGHT: Right = Right::Spend;

    fn run(&self, wallet: &mut Wallet<'_>, object: &dyn Object) -> Result<Self::Reply, WalletError> {
        let key = self.key.clone().map(|key| wallet.of_caller(key));
        let claim = key.as_ref().map_or(Ok(Claim::Free), |key| wallet.claim(key, &self.hold))?;
        if claim != Claim::Free {
            return Ok(Err(NotReserved::Claimed(claim)));
        }
        if wallet.note_full(object.is_nearly_full()?) {
            return Ok(Err(NotReserved::Full));
        }
        let brief = self.brief && key.is_none();
        let held = match wallet.reserve_between(&self.hold, self.least, self.amount, self.seconds, brief)? {
            Ok(held) => held,
            Err(refusal) => return Ok(Err(refusal)),
        };
        if let Some(key) = &key {
            wallet.name(key, &self.hold)?;
        }
        let (available, token) = (wallet.available()?, wallet.spender());
        let row = if self.row { Some(wallet.show()?) } else { None };
        Ok(Ok(Reserved { held, available, token, key: key.map(|key| key.key), row }))
    }
}

/// Lets the hold of a streamed answer live on.
#[derive(Debug, Serialize, Deserialize)]
pub struct Renew {
    pub hold: HoldId,
    pub report: Report,
    pub seconds: u32,
}

impl Handler for Renew {
    /// Whether the hold lives on.
    type Reply = bool;
    const RIGHT: Right = Right::Spend;

    fn run(&self, wallet: &mut Wallet<'_>, _object: &dyn Object) -> Result<Self::Reply, WalletError> {
        wallet.renew(&self.hold, &self.report, self.seconds)
    }
}

/// One ending whose result matters.
#[derive(Debug, Serialize, Deserialize)]
pub struct End {
    pub ending: Ending,
    /// What to keep for the caller's key, if that can be kept.
    pub answer: Option<KeptAnswer>,
}

impl Handler for End {
    type Reply = Settled;
    const RIGHT: Right = Right::Spend;

    fn run(&self, wallet: &mut Wallet<'_>, _object: &dyn Object) -> Result<Self::Reply, WalletError> {
        let settled = wallet.settle(&self.ending)?;
        if let (Outcome::Capture { amount, .. }, Some(answer), Settled::Captured) =
            (&self.ending.outcome, &self.answer, settled)
            && amount.is_positive()
        {
            wallet.keep(&self.ending.hold, answer)?;
        }
        Ok(settled)
    }
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Updated {
    /// Whether it was made.
    pub made: bool,
    /// As it is now.
    pub row: AccountRow,
}

/// Writes the owner's columns.
impl Handler for Update {
    type Reply = Updated;
    const RIGHT: Right = Right::Spend;

    fn run(&self, wallet: &mut Wallet<'_>, object: &dyn Object) -> Result<Self::Reply, WalletError> {
        let made = wallet.update(object.schema(), self)?;
        Ok(Updated { made, row: wallet.show()? })
    }
}

/// Charges at once.
impl Handler for Charge {
    type Reply = Result<Charged, NotCharged>;
    const RIGHT: Right = Right::Spend;

    fn run(&self, wallet: &mut Wallet<'_>, object: &dyn Object) -> Result<Self::Reply, WalletError> {
        if !wallet.was_charged(&self.key)? && wallet.note_full(object.is_nearly_full()?) {
            return Ok(Err(NotCharged::Full));
        }
        wallet.charge(self)
    }
}

/// Makes a token: one that manages may ask for it, and so may we.
#[derive(Debug, Serialize, Deserialize)]
pub struct Mint {
    pub token: NewToken,
}

impl Handler for Mint {
    type Reply = Result<(), TooManyTokens>;
    const RIGHT: Right = Right::Manage;

    fn run(&self, wallet: &mut Wallet<'_>, _object: &dyn Object) -> Result<Self::Reply, WalletError> {
        wallet.mint(&self.token)
    }
}

/// The account's tokens.
#[derive(Debug, Serialize, Deserialize)]
pub struct Tokens;

impl Handler for Tokens {
    type Reply = Vec<TokenInfo>;
    const RIGHT: Right = Right::Manage;

    fn run(&self, wallet: &mut Wallet<'_>, _object: &dyn Object) -> Result<Self::Reply, WalletError> {
        wallet.tokens()
    }
}

/// Gives the caller's token this secret, by its hash.
#[derive(Debug, Serialize, Deserialize)]
pub struct Rotate {
    pub hash: String,
}

impl Handler for Rotate {
    type Reply = Result<(), Rotated>;
    const RIGHT: Right = Right::Spend;

    fn run(&self, wallet: &mut Wallet<'_>, _object: &dyn Object) -> Result<Self::Reply, WalletError> {
        Ok(wallet.rotate(&self.hash)?)
    }
}

/// Ends a token.
#[derive(Debug, Serialize, Deserialize)]
pub struct Revoke {
    pub id: TokenId,
}

impl Handler for Revoke {
    type Reply = Result<(), LastToken>;
    const RIGHT: Right = Right::Manage;

    fn run(&self, wallet: &mut Wallet<'_>, _object: &dyn Object) -> Result<Self::Reply, WalletError> {
        wallet.revoke(&self.id)
    }
}

/// The caller's browser forgets its token.
#[derive(Debug, Serialize, Deserialize)]
pub struct LogOut {
    /// Also when it is the last way to money.
    pub forget: bool,
}

impl Handler for LogOut {
    type Reply = Result<(), LastToken>;
    const RIGHT: Right = Right::Spend;

    fn run(&self, wallet: &mut Wallet<'_>, _object: &dyn Object) -> Result<Self::Reply, WalletError> {
        wallet.log_out(self.forget)
    }
}

/// Ends all tokens but the caller's, which gets this secret.
#[derive(Debug, Serialize, Deserialize)]
pub struct LogOutEverywhere {
    pub hash: String,
}

impl Handler for LogOutEverywhere {
    type Reply = Result<(), Rotated>;
    const RIGHT: Right = Right::Manage;

    fn run(&self, wallet: &mut Wallet<'_>, _object: &dyn Object) -> Result<Self::Reply, WalletError> {
        wallet.log_out_everywhere(&self.hash)
    }

    fn was_done(&self, wallet: &Wallet<'_>) -> Result<Option<Self::Reply>, WalletError> {
        Ok(wallet.has_hash(&self.hash)?.then_some(Ok(())))
    }
}

/// Ends the account, once per key.
#[derive(Debug, Serialize, Deserialize)]
pub struct Close {
    pub key: String,
    /// Also with money left.
    pub forfeit: bool,
}

impl Handler for Close {
    type Reply = Result<(), NotClosed>;
    const RIGHT: Right = Right::Manage;

    fn run(&self, wallet: &mut Wallet<'_>, object: &dyn Object) -> Result<Self::Reply, WalletError> {
        wallet.close_account(object.schema(), &self.key, self.forfeit)
    }

    fn was_done(&self, wallet: &Wallet<'_>) -> Result<Option<Self::Reply>, WalletError> {
        Ok(wallet.is_closed_by(&self.key)?.then_some(Ok(())))
    }
}

/// So many lines of the statement, older than a place.
#[derive(Debug, Serialize, Deserialize)]
pub struct Lines {
    pub before: Option<Place>,
    pub count: usize,
}

impl Handler for Lines {
    type Reply = Result<Vec<Line>, Folded>;
    const RIGHT: Right = Right::Manage;

    fn run(&self, wallet: &mut Wallet<'_>, _object: &dyn Object) -> Result<Self::Reply, WalletError> {
        wallet.lines(self.before.as_ref(), self.count)
    }
}

/// Credits a payment.
impl Handler for Credit {
    type Reply = ();
    const RIGHT: Right = Right::Ours;

    fn run(&self, wallet: &mut Wallet<'_>, _object: &dyn Object) -> Result<Self::Reply, WalletError> {
        wallet.credit(self).map(drop)
    }

    fn opens(&self) -> Option<&AccountId> {
        Some(&self.account)
    }
}

/// A fact about a refund or dispute.
#[derive(Debug, Serialize, Deserialize)]
pub struct Reverse {
    pub payment_intent: String,
    pub reversal: Reversal,
}

impl Handler for Reverse {
    type Reply = ();
    const RIGHT: Right = Right::Ours;

    fn run(&self, wallet: &mut Wallet<'_>, _object: &dyn Object) -> Result<Self::Reply, WalletError> {
        wallet.reverse(&self.payment_intent, &self.reversal)
    }
}

/// Hands money of a closed account over to another one, which is told of it; whoever asks may tell it at once.
impl Handler for Handover {
    type Reply = Result<HandedOver, NotHandedOver>;
    const RIGHT: Right = Right::Ours;

    fn run(&self, wallet: &mut Wallet<'_>, object: &dyn Object) -> Result<Self::Reply, WalletError> {
        let handed = wallet.hand_over(self)?;
        if let Ok(handed) = &handed {
            tell(object, format!("handover:{}", self.key), &self.to, handed.clone())?;
        }
        Ok(handed)
    }
}

/// Another account handed money over.
impl Handler for HandedOver {
    type Reply = ();
    const RIGHT: Right = Right::Ours;

    fn run(&self, wallet: &mut Wallet<'_>, _object: &dyn Object) -> Result<Self::Reply, WalletError> {
        wallet.take_over(self)
    }

    fn opens(&self) -> Option<&AccountId> {
        Some(&self.to)
    }
}

/// What the directory said of a claim.
#[derive(Debug, Serialize, Deserialize)]
pub struct CardClaimed {
    pub id: String,
    pub claim: i64,
    pub owned: bool,
}

impl Handler for CardClaimed {
    type Reply = ();
    const RIGHT: Right = Right::Ours;

    fn run(&self, wallet: &mut Wallet<'_>, _object: &dyn Object) -> Result<Self::Reply, WalletError> {
        wallet.claimed(&self.id, self.claim, self.owned)
    }
}

/// The cards of the account.
#[derive(Debug, Serialize, Deserialize)]
pub struct Cards;

impl Handler for Cards {
    type Reply = Vec<CardRow>;
    const RIGHT: Right = Right::Manage;

    fn run(&self, wallet: &mut Wallet<'_>, _object: &dyn Object) -> Result<Self::Reply, WalletError> {
        wallet.shown_cards()
    }
}

/// Begins to give up a card.
#[derive(Debug, Serialize, Deserialize)]
pub struct ReleaseCard {
    pub id: String,
}

impl Handler for ReleaseCard {
    /// The card, if the account has it.
    type Reply = Option<CardRow>;
    const RIGHT: Right = Right::Manage;

    fn run(&self, wallet: &mut Wallet<'_>, _object: &dyn Object) -> Result<Self::Reply, WalletError> {
        wallet.release_card(&self.id)
    }
}

/// The directory has forgotten a card.
#[derive(Debug, Serialize, Deserialize)]
pub struct CardReleased {
    pub id: String,
    pub claim: i64,
}

impl Handler for CardReleased {
    type Reply = ();
    const RIGHT: Right = Right::Ours;

    fn run(&self, wallet: &mut Wallet<'_>, _object: &dyn Object) -> Result<Self::Reply, WalletError> {
        wallet.released(&self.id, self.claim)
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
    const RIGHT: Right = Right::Manage;

    fn run(&self, wallet: &mut Wallet<'_>, object: &dyn Object) -> Result<Self::Reply, WalletError> {
        // What is due is shown as done.
        wallet.write_row()?;
        Ok(object.look(&self.statement, &self.parameters, self.most))
    }
}

/// What this object did since it woke up.
#[derive(Debug, Serialize, Deserialize)]
pub struct ReadStats;

impl Handler for ReadStats {
    type Reply = Stats;
    const RIGHT: Right = Right::Ours;

    fn run(&self, wallet: &mut Wallet<'_>, object: &dyn Object) -> Result<Self::Reply, WalletError> {
        Ok(Stats { unsettled: wallet.unsettled(), ..object.stats() })
    }

    fn before_anybody_paid(&self, object: &dyn Object) -> Option<Self::Reply> {
        Some(object.stats())
    }
}
