//! A cookie's hash, a line break, and what a browser brings back: an id, a place, or a form's text or seal.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stripeflare::fuzzing::{is_session_id, place, seal, seal_fits};
use stripeflare_fuzz::{DB_SECRET, VERSION, digest, first_line};

fuzz_target!(|input: &[u8]| {
    let (cookie, text) = first_line(input);
    let (Ok(cookie), Ok(text)) = (std::str::from_utf8(cookie), std::str::from_utf8(text)) else { return };

    // What is asked for at Stripe is one part of a path.
    if is_session_id(text) {
        assert!(text.len() <= 255 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'));
    }

    // A place that was read is shown as it is read again.
    if let Some(shown) = place(text) {
        assert_eq!(place(&shown), Some(shown.clone()));
        assert_eq!(shown, text.to_ascii_lowercase());
    }

    // Nobody makes a seal without the secret, and none fits anything else.
    let hidden: String = digest("secret", input).map(|byte| format!("{byte:02x}")).concat();
    assert!(!seal_fits(&hidden, VERSION, text, cookie, text));
    let sealed = seal(DB_SECRET, VERSION, text, cookie);
    assert!(seal_fits(DB_SECRET, VERSION, text, cookie, &sealed));
    assert!(!seal_fits(&hidden, VERSION, text, cookie, &sealed));
    assert!(!seal_fits(DB_SECRET, "another", text, cookie, &sealed));
    assert!(!seal_fits(DB_SECRET, VERSION, &format!("{text}0"), cookie, &sealed));
    assert!(!seal_fits(DB_SECRET, VERSION, text, &format!("{cookie}0"), &sealed));
    assert!(!seal_fits(DB_SECRET, VERSION, text, cookie, &sealed[1..]));
    // Nor do the text and the cookie run into each other.
    if let Some(first) = text.chars().next() {
        let (head, rest) = text.split_at(first.len_utf8());
        assert!(!seal_fits(DB_SECRET, VERSION, rest, &format!("{cookie}{head}"), &sealed));
    }
});
