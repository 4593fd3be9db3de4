use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::token::Token;

/// Seals what a page hands out and a form brings back, for the browser that got it alone.
#[derive(Clone)]
pub struct SealKey {
    mac: Hmac<Sha256>,
}

impl SealKey {
    pub fn new(db_secret: &str, version: &str) -> Self {
        let mut mac = Hmac::<Sha256>::new_from_slice(db_secret.as_bytes()).expect("HMAC takes a key of any length");
        mac.update(b"stripeflare form");
        mac.update(&(version.len() as u64).to_be_bytes());
        mac.update(version.as_bytes());
        Self { mac }
    }

    /// The seal of a text for whoever has the cookie of this hash.
    pub fn seal(&self, text: &str, cookie: &str) -> String {
        hex::encode(self.mac_of(text, cookie).finalize().into_bytes())
    }

    /// Whether the seal is of this text and this cookie; its timing tells nothing.
    pub fn fits(&self, text: &str, cookie: &str, seal: &str) -> bool {
        hex::decode(seal).is_ok_and(|seal| self.mac_of(text, cookie).verify_slice(&seal).is_ok())
    }

    /// The token that takes this one's place: the same one again for the same key, which its bearer chose. Nobody can tell
    /// it who has but the old one.
    pub fn successor(&self, token: &Token, key: &str) -> Token {
        // No cookie's hash is so long: this is no seal.
        let mac = self.mac.clone().chain_update(u64::MAX.to_be_bytes());
        token.with_secret_of(|secret| mac.chain_update(secret).chain_update(key).finalize().into_bytes().into())
    }

    fn mac_of(&self, text: &str, cookie: &str) -> Hmac<Sha256> {
        let length = (cookie.len() as u64).to_be_bytes();
        self.mac.clone().chain_update(length).chain_update(cookie).chain_update(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seal_fits_one_text_one_cookie_one_secret_and_one_version() {
        let secret = "a secret of at least thirty-two characters";
        let key = SealKey::new(secret, "1");
        let seal = key.seal("text", "cookie");
        assert!(key.fits("text", "cookie", &seal));
        assert!(!key.fits("text2", "cookie", &seal));
        assert!(!key.fits("text", "cookie2", &seal));
        assert!(!key.fits("etext", "cooki", &seal), "nor where one ends and the other begins");
        assert!(!SealKey::new(secret, "2").fits("text", "cookie", &seal));
        assert!(!SealKey::new("another secret, also long enough for us", "1").fits("text", "cookie", &seal));
        for wrong in ["", "zz", &seal[..32], &format!("{seal}00")] {
            assert!(!key.fits("text", "cookie", wrong), "{wrong}");
        }
    }

    #[test]
    fn a_successor_hangs_on_the_token_the_key_and_the_secret() {
        let key = SealKey::new("a secret of at least thirty-two characters", "1");
        let token = Token::generate("1");
        let successor = key.successor(&token, "k");
        assert_eq!(successor, key.successor(&token, "k"));
        assert_eq!(successor.account(), token.account());
        let other_key = SealKey::new("another secret, also long enough for us", "1");
        let others = [
            token.clone(),
            key.successor(&token, "l"),
            key.successor(&successor, "k"),
            key.successor(&Token::further(token.account().clone()), "k"),
            other_key.successor(&token, "k"),
        ];
        assert!(others.iter().all(|other| *other != successor));
    }
}
