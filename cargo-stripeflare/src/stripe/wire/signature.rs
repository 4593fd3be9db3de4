//! The `Stripe-Signature` header.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Signs a webhook's raw body as Stripe does: `t`, one `v1` for each live secret, and in test mode a `v0` that is
/// fake on purpose, so that nobody accepts a scheme just because it is there.
pub fn header<S: AsRef<str>>(body: &[u8], secrets: &[S], t: i64, livemode: bool) -> String {
    let mut header = format!("t={t}");
    for secret in secrets {
        header.push_str(",v1=");
        header.push_str(&hex::encode(mac(secret.as_ref(), t, body)));
    }
    if !livemode {
        header.push_str(",v0=");
        header.push_str(&hex::encode(mac("fake", t, body)));
    }
    header
}

fn mac(secret: &str, t: i64, body: &[u8]) -> [u8; 32] {
    // The key is the whole secret with its `whsec_`.
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("a key of any length");
    mac.update(t.to_string().as_bytes());
    mac.update(b".");
    mac.update(body);
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_secret_signs() {
        let header = header(b"{}", &["whsec_one", "whsec_two"], 1_700_000_000, true);
        let parts: Vec<&str> = header.split(',').collect();
        assert_eq!(parts[0], "t=1700000000");
        assert_eq!(parts.len(), 3);
        assert!(parts[1..].iter().all(|part| part.starts_with("v1=") && part.len() == 3 + 64));
        assert_ne!(parts[1], parts[2]);
    }

    #[test]
    fn the_signature_is_hmac_sha256_of_time_and_body() {
        // printf '1492774577.{"id":"evt_1"}' | openssl dgst -sha256 -hmac whsec_test
        let expected = "7656fc2882a7ca0a651666b36bf2f2f22ee204f54f608f227498a2419f2890b2";
        let header = header(br#"{"id":"evt_1"}"#, &["whsec_test"], 1_492_774_577, true);
        assert_eq!(header, format!("t=1492774577,v1={expected}"));
    }
}
