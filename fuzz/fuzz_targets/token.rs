//! An access token.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stripeflare::AccountId;
use stripeflare::fuzzing::token;
use stripeflare_fuzz::{TOKEN, VERSION, account, base32, digest};

fuzz_target!(|input: &[u8]| {
    let secret = base32(&digest("secret", input));
    let made = format!("{}.{secret}", account(input));
    let read = token(&made, VERSION).expect("a token of any account and secret");
    assert_eq!((&read.exposed, &read.account), (&made, &account(input)));
    assert!(!read.debug.contains(&secret));
    assert!(!read.is_first, "a secret that the account was not made from");

    let Ok(text) = std::str::from_utf8(input) else { return };
    // A token has one spelling.
    for wrong in [format!("{made}{text}"), format!("{text}{made}"), made.replacen('.', text, 1)] {
        assert!(wrong == made || token(&wrong, VERSION).is_none(), "{wrong}");
    }
    if let Ok(account) = text.parse::<AccountId>() {
        assert_eq!((account.as_str(), account.to_string().as_str()), (text, text));
    }
    let Some(read) = token(text, VERSION) else { return };
    assert_eq!(read.exposed, text);
    assert_eq!(text.len(), 26 + 1 + 52);
    assert_eq!(read.account.as_str().parse().as_ref(), Ok(&read.account));
    assert!(text.starts_with(&format!("{}.", read.account)));
    assert!(!read.debug.contains(&text[27..]), "a log shows no secret");
    let elsewhere = token(text, "another version").expect("the text has no version");
    assert!(!(read.is_first && elsewhere.is_first), "a token is of one version");
    assert!(read.is_first || text != TOKEN);
    assert_eq!(token(&text.to_uppercase(), VERSION), None);
});
