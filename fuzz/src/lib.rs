//! What several targets need.

use sha2::{Digest, Sha256};
use stripeflare::AccountId;

/// The version that the tokens and references among the seeds were made for.
pub const VERSION: &str = "1";

/// The first token of an account under [`VERSION`], from the secret of bytes 0 to 31.
pub const TOKEN: &str = "xbgolvgdylkzikrg4n6edofr5u.aaaqeayeaudaocajbifqydiob4ibceqtcqkrmfyydenbwha5dypq";

/// The secret behind the references among the seeds.
pub const DB_SECRET: &str = "a secret of at least thirty-two characters";

/// Bytes that depend on the input alone, so that a finding repeats, and that the input cannot hold.
pub fn digest(purpose: &str, input: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update(purpose).chain_update([0]).chain_update(input).finalize().into()
}

/// RFC 4648, lowercase, without padding; written a second time, as the code under test has its own.
pub fn base32(bytes: &[u8]) -> String {
    let bits: Vec<u8> = bytes.iter().flat_map(|byte| (0..8).rev().map(move |at| byte >> at & 1)).collect();
    let digit = |five: &[u8]| (0..5).fold(0, |digit, at| digit << 1 | five.get(at).copied().unwrap_or(0));
    bits.chunks(5).map(|five| char::from(b"abcdefghijklmnopqrstuvwxyz234567"[usize::from(digit(five))])).collect()
}

/// An account that depends on the input.
pub fn account(input: &[u8]) -> AccountId {
    let text = base32(&digest("account", input)[..16]);
    let account: AccountId = text.parse().expect("sixteen bytes are an account id");
    assert_eq!(account.as_str(), text);
    account
}

/// The text before the first line break, and all bytes after it.
pub fn first_line(input: &[u8]) -> (&[u8], &[u8]) {
    match input.iter().position(|byte| *byte == b'\n') {
        Some(at) => (&input[..at], &input[at + 1..]),
        None => (input, &[]),
    }
}
