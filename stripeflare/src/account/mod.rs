//! Who an account is: its id, the secrets that open it, and the reference that Stripe carries for it.

mod id;
mod reference;
mod token;

pub use id::{AccountId, ParseAccountIdError};
pub(crate) use reference::ReferenceKey;
pub(crate) use token::Token;

use data_encoding::{Encoding, Specification};

/// Lowercase base32 without padding; a text has one spelling only, trailing bits are zero.
pub(crate) fn base32() -> &'static Encoding {
    static BASE32: std::sync::OnceLock<Encoding> = std::sync::OnceLock::new();
    BASE32.get_or_init(|| {
        let mut specification = Specification::new();
        specification.symbols.push_str("abcdefghijklmnopqrstuvwxyz234567");
        specification.encoding().expect("a valid base32 alphabet")
    })
}

/// Bytes nobody can guess.
///
/// # Panics
/// When the platform has no source of randomness, which neither workerd nor an operating system lacks.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("a source of randomness");
    bytes
}
