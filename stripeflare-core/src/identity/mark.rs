use sha2::{Digest, Sha256};

use super::{decode, encode, random};

const SECRET_BYTES: usize = 32;
const MARK_BYTES: usize = 10;

/// The secret of a browser that left to pay. Its [mark](PayingSecret::mark) goes to Stripe with the payment, so that the
/// browser that comes back can show that it is the one that left.
#[derive(Clone)]
pub struct PayingSecret([u8; SECRET_BYTES]);

impl PayingSecret {
    pub fn generate() -> Self {
        Self(random())
    }

    /// From the cookie that keeps it.
    pub fn parse(text: &str) -> Option<Self> {
        decode(text).map(Self)
    }

    /// For the cookie alone.
    pub fn expose(&self) -> String {
        encode(&self.0)
    }

    /// The first ten bytes of its SHA-256, in base32: public, and of no use without the secret.
    pub fn mark(&self) -> String {
        let hash = Sha256::new().chain_update(b"stripeflare mark").chain_update(self.0).finalize();
        encode(&hash[..MARK_BYTES])
    }
}

/// Whether a text is spelled as a mark is.
pub(super) fn is_mark(text: &str) -> bool {
    decode::<MARK_BYTES>(text).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_the_same_for_one_secret_and_tells_nothing_of_it() {
        let secret = PayingSecret::generate();
        let again = PayingSecret::parse(&secret.expose()).unwrap();
        assert_eq!(secret.mark(), again.mark());
        assert_ne!(secret.mark(), PayingSecret::generate().mark());
        assert!(is_mark(&secret.mark()) && secret.mark().len() == 16);
        assert!(!secret.expose().contains(&secret.mark()));
        for wrong in ["", "x", &secret.mark(), &secret.expose().to_uppercase(), &format!("{}a", secret.expose())] {
            assert!(PayingSecret::parse(wrong).is_none(), "{wrong}");
        }
    }
}
