//! What an account is asked about logins by payment.

use serde::{Deserialize, Serialize};

use crate::account::{
    CardOwner, CardRow, Homecoming, HomecomingOutcome, LastToken, LoginRequest, MovedPayment, NewToken, NoLogin,
    NotBegun, PendingLogin, Taken, Wallet,
};
use crate::clock::Millis;
use crate::error::WalletError;
use crate::identity::AccountId;
use crate::protocol::account::Handler;
use crate::protocol::{Object, Right};
use crate::sql::SqlError;

/// The browser that left to pay came back.
#[derive(Debug, Serialize, Deserialize)]
pub struct ComeHome {
    pub home: Homecoming,
}

impl Handler for ComeHome {
    type Reply = HomecomingOutcome;
    const RIGHT: Right = Right::Manage;

    fn run(&self, wallet: &mut Wallet<'_>, _object: &dyn Object) -> Result<Self::Reply, WalletError> {
        let token = wallet.caller_id().cloned().ok_or_else(|| SqlError("a homecoming without a token".into()))?;
        wallet.come_home(&self.home, &token)
    }
}

/// Has it come, with nothing left to ask?
#[derive(Debug, Serialize, Deserialize)]
pub struct CameHome {
    pub payment: String,
}

impl Handler for CameHome {
    type Reply = bool;
    const RIGHT: Right = Right::Manage;

    fn run(&self, wallet: &mut Wallet<'_>, _object: &dyn Object) -> Result<Self::Reply, WalletError> {
        wallet.came_home(&self.payment)
    }
}

/// What a payer may see whose card this account has.
#[derive(Debug, Serialize, Deserialize)]
pub struct FindCardOwner {
    pub card: String,
    /// How old its claim must be.
    pub wait: Millis,
}

impl Handler for FindCardOwner {
    /// Nothing, if the card opens nothing here, or not yet.
    type Reply = Option<CardOwner>;
    const RIGHT: Right = Right::Ours;

    fn run(&self, wallet: &mut Wallet<'_>, _object: &dyn Object) -> Result<Self::Reply, WalletError> {
        wallet.card_owner(&self.card, self.wait)
    }
}

/// Remembers where a login by a payment begins.
#[derive(Debug, Serialize, Deserialize)]
pub struct HeadFor {
    pub payment: String,
    pub to: AccountId,
}

impl Handler for HeadFor {
    /// Whether one may.
    type Reply = bool;
    const RIGHT: Right = Right::Manage;

    fn run(&self, wallet: &mut Wallet<'_>, _object: &dyn Object) -> Result<Self::Reply, WalletError> {
        wallet.head_for(&self.payment, &self.to)
    }
}

/// Begins a login by a payment to another account, or says what has become of it.
#[derive(Debug, Serialize, Deserialize)]
pub struct BeginLogin {
    pub request: LoginRequest,
}

impl Handler for BeginLogin {
    type Reply = Result<PendingLogin, NotBegun>;
    const RIGHT: Right = Right::Ours;

    fn run(&self, wallet: &mut Wallet<'_>, _object: &dyn Object) -> Result<Self::Reply, WalletError> {
        wallet.begin_login(&self.request)
    }
}

/// What has become of a login by a payment, if one began here.
#[derive(Debug, Serialize, Deserialize)]
pub struct ReadLogin {
    pub payment: String,
}

impl Handler for ReadLogin {
    type Reply = Option<PendingLogin>;
    const RIGHT: Right = Right::Ours;

    fn run(&self, wallet: &mut Wallet<'_>, _object: &dyn Object) -> Result<Self::Reply, WalletError> {
        wallet.login(&self.payment)
    }
}

/// The logins that wait.
#[derive(Debug, Serialize, Deserialize)]
pub struct PendingLogins;

impl Handler for PendingLogins {
    type Reply = Vec<PendingLogin>;
    const RIGHT: Right = Right::Manage;

    fn run(&self, wallet: &mut Wallet<'_>, _object: &dyn Object) -> Result<Self::Reply, WalletError> {
        wallet.pending_logins()
    }
}

/// Lets a login in, or ends it.
#[derive(Debug, Serialize, Deserialize)]
pub struct DecideLogin {
    pub payment: String,
    pub approve: bool,
}

impl Handler for DecideLogin {
    type Reply = Result<(), NoLogin>;
    const RIGHT: Right = Right::Manage;

    fn run(&self, wallet: &mut Wallet<'_>, _object: &dyn Object) -> Result<Self::Reply, WalletError> {
        wallet.decide_login(&self.payment, self.approve)
    }
}

/// Takes a login whose time has come, for this token.
#[derive(Debug, Serialize, Deserialize)]
pub struct TakeLogin {
    pub payment: String,
    pub token: NewToken,
}

impl Handler for TakeLogin {
    type Reply = Taken;
    const RIGHT: Right = Right::Ours;

    fn run(&self, wallet: &mut Wallet<'_>, _object: &dyn Object) -> Result<Self::Reply, WalletError> {
        wallet.take_login(&self.payment, &self.token)
    }
}

/// Moves what is left of a payment to where its payer has logged in.
#[derive(Debug, Serialize, Deserialize)]
pub struct MovePayment {
    pub payment: String,
}

impl Handler for MovePayment {
    type Reply = ();
    const RIGHT: Right = Right::Ours;

    fn run(&self, wallet: &mut Wallet<'_>, _object: &dyn Object) -> Result<Self::Reply, WalletError> {
        wallet.move_payment(&self.payment)
    }
}

/// What became of a payment that moved to this account.
impl Handler for MovedPayment {
    /// Whether the account takes it.
    type Reply = bool;
    const RIGHT: Right = Right::Ours;

    fn run(&self, wallet: &mut Wallet<'_>, _object: &dyn Object) -> Result<Self::Reply, WalletError> {
        wallet.receive(self)
    }

    fn before_anybody_paid(&self, _object: &dyn Object) -> Option<Self::Reply> {
        Some(false)
    }
}

/// Nobody logs in by this payment.
#[derive(Debug, Serialize, Deserialize)]
pub struct Disown {
    pub payment: String,
}

impl Handler for Disown {
    type Reply = ();
    const RIGHT: Right = Right::Ours;

    fn run(&self, wallet: &mut Wallet<'_>, _object: &dyn Object) -> Result<Self::Reply, WalletError> {
        wallet.disown(&self.payment)
    }

    fn before_anybody_paid(&self, _object: &dyn Object) -> Option<Self::Reply> {
        Some(())
    }
}

/// No card opens the account from now on, or cards may again.
#[derive(Debug, Serialize, Deserialize)]
pub struct Lock {
    pub locked: bool,
    /// The caller keeps its token: it need not be one of several that manage the account.
    pub kept: bool,
}

impl Handler for Lock {
    type Reply = Result<(), LastToken>;
    const RIGHT: Right = Right::Manage;

    fn run(&self, wallet: &mut Wallet<'_>, _object: &dyn Object) -> Result<Self::Reply, WalletError> {
        if self.locked && !self.kept && !wallet.is_managed_elsewhere_once_locked()? {
            return Ok(Err(LastToken));
        }
        wallet.lock(self.locked).map(Ok)
    }
}

/// The operator frees a card that somebody squats.
#[derive(Debug, Serialize, Deserialize)]
pub struct FreeCard {
    pub id: String,
}

impl Handler for FreeCard {
    /// The card, if the account has it.
    type Reply = Option<CardRow>;
    const RIGHT: Right = Right::Ours;

    fn run(&self, wallet: &mut Wallet<'_>, _object: &dyn Object) -> Result<Self::Reply, WalletError> {
        wallet.free_card(&self.id)
    }
}
