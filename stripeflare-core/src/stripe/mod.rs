//! What Stripe said, and what it is worth. No I/O.

mod currency;
mod event;
mod id;
mod reversal;
mod session;
mod signature;
mod verdict;

pub use currency::{is_supported, unit};
pub use event::{CheckoutSession, Event, Fact};
pub use id::Id;
pub use reversal::{Dispute, Refund, ReversalFact};
pub use session::{PaidSession, is_session_id, masked};
use sha2::{Digest, Sha256};
pub use signature::verify;
pub use verdict::{CreditTo, Rules, Verdict};

/// The key of a Checkout Session's credit: a hash, because the id itself proves who paid and is stored nowhere.
pub fn session_key(session: &str) -> String {
    hex::encode(Sha256::digest(session.as_bytes()))
}
