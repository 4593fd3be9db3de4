//! Who an account is: its id, the secrets that open it, and the reference that Stripe carries for it.

mod account_id;
mod mark;
mod operator;
mod reference;
mod seal;
mod token;

pub use account_id::{AccountId, ParseAccountIdError};
pub use mark::PayingSecret;
pub use operator::Operator;
pub use reference::{ReferenceKey, Scope};
pub use seal::SealKey;
pub use token::{Proof, Token};

/// Lowercase base32 of RFC 4648, without padding.
const BASE32: base32::Alphabet = base32::Alphabet::Rfc4648Lower { padding: false };

fn encode(bytes: &[u8]) -> String {
    base32::encode(BASE32, bytes)
}

/// `N` random bytes as text.
pub fn random_text<const N: usize>() -> String {
    encode(&random::<N>())
}

/// Exactly `N` bytes; a text has one spelling only.
fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    let bytes: [u8; N] = base32::decode(BASE32, text)?.try_into().ok()?;
    (encode(&bytes) == text).then_some(bytes)
}

/// Bytes nobody can guess.
///
/// # Panics
/// When the platform has no source of randomness, which neither workerd nor an operating system lacks.
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("a source of randomness");
    bytes
}
