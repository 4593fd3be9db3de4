//! A time, a line break, a `Stripe-Signature` header, a line break, a body.
#![no_main]

use hmac::{Hmac, KeyInit, Mac};
use libfuzzer_sys::fuzz_target;
use sha2::Sha256;
use stripeflare::fuzzing::signature;
use stripeflare_fuzz::{digest, first_line};

const NOW: u64 = 1_800_000_000;

fn v1(secret: &str, time: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any length");
    mac.update(time.as_bytes());
    mac.update(b".");
    mac.update(body);
    hex::encode(mac.finalize().into_bytes())
}

fuzz_target!(|input: &[u8]| {
    let (time, rest) = first_line(input);
    let (header, body) = first_line(rest);
    let [ours, rolled, foreign] = ["ours", "rolled", "foreign"].map(|name| hex::encode(digest(name, input)));
    let secrets = [rolled, ours];

    // Nobody can sign with a secret that is a hash of what they sign.
    assert!(signature(header, body, &secrets, NOW).is_err());
    assert!(signature(header, body, &[], NOW).is_err());

    let Ok(time) = std::str::from_utf8(time) else { return };
    let is_time = !time.is_empty() && time.bytes().all(|byte| byte.is_ascii_digit());
    let seconds = time.parse::<u64>().ok().filter(|_| is_time);
    let expected = match seconds {
        Some(seconds) if seconds.abs_diff(NOW) <= 300 => Ok(()),
        Some(_) => Err("OutOfTolerance".to_owned()),
        // Not always `Malformed`: it may hold a comma and a time of its own.
        None => Err(String::new()),
    };
    let as_expected = |header: &str| {
        let found = signature(header.as_bytes(), body, &secrets, NOW);
        match &expected {
            Err(name) if name.is_empty() => assert!(found.is_err(), "{header}"),
            expected => assert_eq!(&found, expected, "{header}"),
        }
    };
    for secret in &secrets {
        let v1 = v1(secret, time, body);
        as_expected(&format!("t={time},v1={v1}"));
        as_expected(&format!(" v1 = {v1} , t = {time} "));
        // Whatever comes before, the last time counts, and one signature that fits is enough.
        if let Ok(header) = std::str::from_utf8(header) {
            as_expected(&format!("{header},t={time},v1={v1}"));
        }
    }

    let refused = |header: String, body: &[u8]| {
        let found = signature(header.as_bytes(), body, &secrets, NOW);
        // A time with one digit more may be too long to be one.
        assert!(matches!(found.as_ref().map_err(String::as_str), Err("Mismatch" | "Malformed")), "{header}: {found:?}");
    };
    let good = v1(&secrets[0], time, body);
    refused(format!("t={time},v1={}", v1(&foreign, time, body)), body);
    refused(format!("t={time},v1={}", &good[..62]), body);
    refused(format!("t={time},v1={good}00"), body);
    refused(format!("t={time},v0={good},v1="), body);
    // The dot binds: a digit cannot move from the time into the body.
    refused(format!("t={time}0,v1={good}"), body);
    refused(format!("t={time},v1={good}"), &[body, b" "].concat());
});
