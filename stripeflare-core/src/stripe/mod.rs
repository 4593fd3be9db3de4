//! What Stripe said, and what it is worth. No I/O.

mod currency;
mod document;
mod event;
mod payment_link;
mod reversal;
mod session;
mod signature;
mod verdict;

pub use currency::{configured, is_supported, named, unit};
pub use document::{Document, Told, Unexpected, must};
pub use event::{CheckoutSession, Event, Fact};
pub use payment_link::{LinkRules, LinkVerdict, PaymentLink};
pub use reversal::{Dispute, Refund, ReversalFact};
pub use session::{PaidSession, is_session_id, masked};
use sha2::{Digest, Sha256};
pub use signature::verify;
pub use verdict::{CreditTo, Rules, Verdict};

/// Whether a secret or restricted key is of live mode; `None`: it is no such key.
pub fn is_live(key: &str) -> Option<bool> {
    let rest = key.strip_prefix("sk_").or_else(|| key.strip_prefix("rk_"))?;
    if rest.starts_with("live_") { Some(true) } else { rest.starts_with("test_").then_some(false) }
}

/// The key of a Checkout Session's credit: a hash, because the id itself proves who paid and is stored nowhere.
pub fn session_key(session: &str) -> String {
    hex::encode(Sha256::digest(session.as_bytes()))
}
