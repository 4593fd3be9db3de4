//! Role 1, one customer's wallet: the row, the ledger and all that changes it.
//!
//! Every function here runs inside one transaction of its caller, and takes the time as an argument.

mod cards;
mod charge;
mod closing;
mod columns;
mod descent;
mod fold;
mod handover;
mod hold;
mod idempotency;
mod ledger;
pub(crate) mod line;
mod logins;
mod memory;
mod moved;
mod own;
mod payment;
mod pending;
mod refusal;
mod reversal;
mod row;
#[cfg(test)]
pub(crate) mod scene;
mod snapshot;
mod statement;
mod tokens;
mod usage;
mod wallet;

pub use cards::{Card, CardRow, Homecoming, HomecomingOutcome, State};
pub use charge::{Charge, Charged, Overdraft};
pub use columns::{Change, Update};
pub use fold::BATCH as FOLD_BATCH;
pub use handover::{HandedOver, Handover};
pub use hold::{DELIVERY_MS, Ending, Hold, HoldId, MAX_HOLDS, Outcome, Report, Settled};
pub use idempotency::{Claim, IdempotencyKey, KeptAnswer};
pub use line::{CALLERS_KEY, Folded, Line, ParsePlaceError, Place};
pub use logins::{CardOwner, LoginRequest, LoginState, MAX_LOGINS, PendingLogin, TAKE_MS, Taken, letters};
pub use memory::{Known, Memory, Receipt};
pub use moved::MovedPayment;
pub use own::{Operation, TxError};
pub use payment::{Credit, Payer};
pub use refusal::{
    LastToken, NoLogin, NotBegun, NotCharged, NotClosed, NotHandedOver, NotReserved, Rotated, Short, TooManyTokens,
};
pub use reversal::{Kind, Reversal};
pub use row::AccountRow;
pub use snapshot::{SentPayment, Snapshot};
pub use statement::MAX_PAGE;
pub use tokens::{Cap, Caps, Denied, MAX_TOKENS, NewToken, Spender, TokenId, TokenInfo};
pub(crate) use usage::OTHERS;
pub use usage::Usage;
pub use wallet::Wallet;
