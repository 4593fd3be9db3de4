//! An amount of money as text.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stripeflare::Cents;

/// In units, 2^38 cents. Beyond, a JSON number with a fraction may be refused when it is read again; beyond 2^39 cents two
/// doubles are further apart than a ten-thousandth of a cent, and it may read as another amount.
const EXACT_IN_JSON: i64 = (1 << 38) * 10_000;

fuzz_target!(|text: &str| {
    if let Ok(amount) = serde_json::from_str::<Cents>(text) {
        round_trips(amount);
    }
    let quoted = serde_json::to_string(text).expect("a text");
    assert_eq!(serde_json::from_str::<Cents>(&quoted).ok(), text.parse().ok(), "a string in JSON reads as the text");

    let Ok(amount) = text.parse::<Cents>() else { return };
    round_trips(amount);
    // What was parsed is what was written, by another way of counting.
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = format!("{whole}{fraction:0<4}");
    assert_eq!(digits.parse::<i128>().expect("digits"), i128::from(amount.units()), "{text}");
});

fn round_trips(amount: Cents) {
    assert!(-Cents::MAX <= amount && amount <= Cents::MAX);
    let shown = amount.to_string();
    assert_eq!(shown.parse(), Ok(amount), "{shown}");
    assert_eq!((-amount).to_string().parse(), Ok(-amount));
    // One spelling: no sign before nothing, no zeros that change nothing.
    assert!(!shown.contains('.') || !shown.ends_with(['0', '.']), "{shown}");
    let digits = shown.trim_start_matches('-');
    assert!(digits.starts_with(|first: char| first.is_ascii_digit()), "{shown}");
    assert!(!digits.starts_with('0') || digits == "0" || digits.starts_with("0."), "{shown}");
    assert!(shown != "-0", "{shown}");

    if amount.units().abs() < EXACT_IN_JSON || amount.units() % 10_000 == 0 {
        let json = serde_json::to_string(&amount).expect("a number");
        assert_eq!(serde_json::from_str::<Cents>(&json).ok(), Some(amount), "{json}");
    }
    assert_eq!(Cents::checked_from_units(amount.units()), Some(amount));
    assert_eq!(amount.checked_sub(amount), Some(Cents::ZERO));
}
