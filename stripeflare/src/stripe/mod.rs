//! What Stripe sends and answers: signatures, events, the API client, and which payment becomes a credit.

mod api;
mod credit;
mod currency;
mod event;
mod reversal;
mod session;
mod signature;

pub(crate) use api::{Api, ApiError};
pub(crate) use credit::{Rules, Verdict};
pub(crate) use currency::{is_supported, unit};
pub(crate) use event::{CheckoutSession, Event, Fact};
pub(crate) use reversal::ReversalFact;
pub(crate) use session::{PaidSession, is_session_id, masked};
pub(crate) use signature::verify;

use sha2::{Digest, Sha256};

/// The key of a Checkout Session's credit: a hash, because the id itself proves who paid and is stored nowhere.
pub(crate) fn session_key(session: &str) -> String {
    hex::encode(Sha256::digest(session.as_bytes()))
}
