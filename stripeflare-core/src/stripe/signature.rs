use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Seconds between a signature's time and now, either way.
const TOLERANCE_S: u64 = 300;

/// Why a webhook is not from Stripe, or not from now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureError {
    /// No header, or one without a time or without a `v1` signature.
    Malformed,
    /// No `v1` signature fits any of the secrets.
    Mismatch,
    /// Further than 300 s from now.
    OutOfTolerance,
}

impl fmt::Display for SignatureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "the Stripe-Signature header is missing or has no t= and v1=",
            Self::Mismatch => "no v1 signature fits; is STRIPE_WEBHOOK_SIGNING_SECRET the secret of this endpoint?",
            Self::OutOfTolerance => "the signature's time is more than 300 s from now",
        })
    }
}

/// Checks a `Stripe-Signature` header against the raw body.
///
/// `v1` is the hex HMAC-SHA256, keyed with the whole secret string, of the time, a dot and the body; one that fits is
/// enough, because Stripe signs with every live secret while one is rolled. Other schemes are ignored.
/// Source: Stripe's documentation of webhook signatures, and its official SDKs.
#[inline(never)]
pub fn verify(header: &[u8], body: &[u8], secrets: &[String], now_s: u64) -> Result<(), SignatureError> {
    let header = std::str::from_utf8(header).map_err(|_| SignatureError::Malformed)?;
    let mut time = None;
    let mut signatures = Vec::new();
    for (scheme, value) in header.split(',').filter_map(|part| part.split_once('=')) {
        match scheme.trim() {
            "t" => time = Some(value.trim()),
            "v1" => signatures.push(value.trim()),
            _ => {}
        }
    }
    let time = time.filter(|time| !time.is_empty() && time.bytes().all(|byte| byte.is_ascii_digit()));
    let (Some(time), false) = (time, signatures.is_empty()) else { return Err(SignatureError::Malformed) };
    let seconds: u64 = time.parse().map_err(|_| SignatureError::Malformed)?;

    let fits = |secret: &String| {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes a key of any length");
        mac.update(time.as_bytes());
        mac.update(b".");
        mac.update(body);
        signatures.iter().any(|signature| {
            // `verify_slice` compares in constant time.
            hex::decode(signature).is_ok_and(|signature| mac.clone().verify_slice(&signature).is_ok())
        })
    };
    if !secrets.iter().any(fits) {
        return Err(SignatureError::Mismatch);
    }
    if now_s.abs_diff(seconds) > TOLERANCE_S {
        return Err(SignatureError::OutOfTolerance);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_800_000_000;
    const BODY: &[u8] = b"{\"id\":\"evt_1\"}\xff";

    fn v1(secret: &str, time: &str) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update(format!("{time}.").as_bytes());
        mac.update(BODY);
        hex::encode(mac.finalize().into_bytes())
    }

    fn check(header: &str) -> Result<(), SignatureError> {
        let secrets = ["whsec_old".to_owned(), "whsec_new".to_owned()];
        verify(header.as_bytes(), BODY, &secrets, NOW)
    }

    #[test]
    fn any_live_secret_and_any_v1_is_enough() {
        let (old, new, foreign) =
            (v1("whsec_old", "1800000000"), v1("whsec_new", "1800000000"), v1("whsec_x", "1800000000"));
        for header in [
            format!("t=1800000000,v1={old}"),
            format!("t=1800000000,v1={new},v0={foreign}"),
            format!("t=1800000000,v1={foreign},v1={new}"),
            format!("t=1800000000,v1=nonsense,v1={new}"),
            format!("v1={new}, t=1800000000"),
        ] {
            assert_eq!(check(&header), Ok(()), "{header}");
        }
    }

    #[test]
    fn everything_else_is_refused() {
        let new = v1("whsec_new", "1800000000");
        for header in [
            "",
            "t=1800000000",
            &format!("v1={new}"),
            &format!("t=,v1={new}"),
            &format!("t=+1800000000,v1={new}"),
            &format!("t=18e8,v1={new}"),
            &format!("t=1800000000,v0={new}"),
            &format!("t=99999999999999999999999,v1={new}"),
        ] {
            assert_eq!(check(header), Err(SignatureError::Malformed), "{header}");
        }
        for header in [
            format!("t=1800000001,v1={new}"),
            "t=1800000000,v1=".into(),
            format!("t=1800000000,v1={}", &new[..62]),
            format!("t=1800000000,v1={}", v1("whsec_x", "1800000000")),
        ] {
            assert_eq!(check(&header), Err(SignatureError::Mismatch), "{header}");
        }
        let other_body = verify(format!("t=1800000000,v1={new}").as_bytes(), b"{}", &["whsec_new".into()], NOW);
        assert_eq!(other_body, Err(SignatureError::Mismatch));
        assert_eq!(verify(b"\xff\xfe", BODY, &[], NOW), Err(SignatureError::Malformed));
    }

    #[test]
    fn the_tolerance_is_300_seconds_either_way() {
        for (time, expected) in [
            ("1799999700", Ok(())),
            ("1800000300", Ok(())),
            ("1799999699", Err(SignatureError::OutOfTolerance)),
            ("1800000301", Err(SignatureError::OutOfTolerance)),
        ] {
            assert_eq!(check(&format!("t={time},v1={}", v1("whsec_new", time))), expected, "{time}");
        }
    }
}
