use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Knows the operator's password, `DB_ADMIN_PASSWORD` or `DB_SECRET`, without holding it.
#[derive(Clone)]
pub struct Operator {
    tag: [u8; 32],
}

impl Operator {
    pub fn new(password: &str) -> Self {
        Self { tag: mac(password).finalize().into_bytes().into() }
    }

    /// Whether this is the password; how long that takes says nothing about it.
    pub fn is(&self, password: &str) -> bool {
        mac(password).verify_slice(&self.tag).is_ok()
    }
}

fn mac(secret: &str) -> Hmac<Sha256> {
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes a key of any length");
    mac.chain_update(b"stripeflare operator")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_password_is_the_password() {
        let operator = Operator::new("a secret of at least thirty-two characters");
        assert!(operator.is("a secret of at least thirty-two characters"));
        for wrong in ["", "a secret of at least thirty-two character", "a secret of at least thirty-two characters "] {
            assert!(!operator.is(wrong), "{wrong}");
        }
    }
}
