//! A version, a line break, a client reference id.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stripeflare::fuzzing::Key;
use stripeflare_fuzz::{DB_SECRET, account, digest, first_line};

fuzz_target!(|input: &[u8]| {
    let (version, text) = first_line(input);
    let (Ok(version), Ok(text)) = (std::str::from_utf8(version), std::str::from_utf8(text)) else { return };
    let key = Key::new(DB_SECRET, version);

    // What verifies is what would be signed, to the letter.
    if let Some(account) = key.verify(text) {
        assert_eq!(key.sign(&account), text);
    }
    // Nobody can sign with a secret that is a hash of what they sign.
    let hidden: String = digest("secret", input).map(|byte| format!("{byte:02x}")).concat();
    assert_eq!(Key::new(&hidden, version).verify(text), None);

    let account = account(input);
    let reference = key.sign(&account);
    assert_eq!(reference.len(), 43);
    // As Stripe takes it: at most 200 characters of these.
    assert!(reference.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
    assert_eq!(key.verify(&reference).as_ref(), Some(&account));
    assert_eq!(Key::new(&hidden, version).verify(&reference), None);
    assert_eq!(Key::new(DB_SECRET, &format!("{version}1")).verify(&reference), None);
    // Secret and version do not run into each other.
    assert_eq!(Key::new(&format!("{DB_SECRET}{version}"), "").verify(&reference).is_some(), version.is_empty());

    let (id, tag) = reference.split_once('-').expect("an id and a tag");
    for wrong in [
        format!("{reference}{text}"),
        format!("{text}{reference}"),
        format!("{text}-{tag}"),
        format!("{id}-{text}"),
        format!("{id}{text}{tag}"),
    ] {
        assert!(wrong == reference || key.verify(&wrong).is_none(), "{wrong}");
    }
});
