//! Lines: `Authorization:` and a value, or the value of one more `Cookie` header.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stripeflare::axum::http::header::{AUTHORIZATION, COOKIE};
use stripeflare::axum::http::{HeaderMap, HeaderValue};
use stripeflare::fuzzing::{Caller, caller};
use stripeflare_fuzz::{TOKEN, VERSION};

const NAME: &str = "access_token";

fn of(headers: &HeaderMap) -> Caller {
    caller(headers, NAME, VERSION)
}

fn with(headers: &HeaderMap, name: &'static str, value: &str) -> Caller {
    let mut headers = headers.clone();
    headers.append(name, HeaderValue::from_str(value).expect("plain text"));
    of(&headers)
}

fuzz_target!(|input: &[u8]| {
    let mut headers = HeaderMap::new();
    for line in input.split(|byte| *byte == b'\n') {
        let (name, value) = match line.strip_prefix(b"Authorization:") {
            Some(value) => (AUTHORIZATION, value),
            None => (COOKIE, line),
        };
        if let Ok(value) = HeaderValue::from_bytes(value) {
            headers.append(name, value);
        }
    }
    let found = of(&headers);

    // Only a token that is there, word for word, is taken for one.
    let by_bearer = match &found {
        Caller::Known { token, by_cookie } => {
            let text = token.exposed.as_bytes();
            let place = if *by_cookie { COOKIE } else { AUTHORIZATION };
            let holds = |value: &HeaderValue| value.as_bytes().windows(text.len()).any(|part| part == text);
            assert!(headers.get_all(place).iter().any(holds));
            !by_cookie
        }
        Caller::WrongToken => true,
        Caller::Visitor | Caller::TwoCookies | Caller::StaleCookie => false,
    };
    // It is the first of its account under one version only.
    if let (Caller::Known { token, .. }, Caller::Known { token: elsewhere, .. }) =
        (&found, &caller(&headers, NAME, "another version"))
    {
        assert!(!(token.is_first && elsewhere.is_first));
    }

    // One more cookie is the only one or one too many, and nothing next to a bearer token.
    let known = |found: &Caller, cookie| matches!(found, Caller::Known { by_cookie, .. } if *by_cookie == cookie);
    let one_more = with(&headers, "cookie", &format!("a=b; {NAME}={TOKEN}; c"));
    match &found {
        _ if by_bearer => assert_eq!(one_more, found),
        Caller::Visitor => assert!(known(&one_more, true), "{one_more:?}"),
        _ => assert_eq!(one_more, Caller::TwoCookies),
    }
    // A cookie of another name changes nothing.
    assert_eq!(with(&headers, "cookie", &format!("__Host-{NAME}={TOKEN}; {NAME}_2={TOKEN}")), found);
    // A bearer token goes before all cookies; two different ones open nothing.
    let bearer = with(&headers, "authorization", &format!("Bearer {TOKEN}"));
    match &found {
        Caller::Known { token, by_cookie: false } if token.exposed == TOKEN => assert_eq!(bearer, found),
        _ if by_bearer => assert_eq!(bearer, Caller::WrongToken),
        _ => assert!(known(&bearer, false), "{bearer:?}"),
    }
    // Without one, an API key is the same.
    let key = with(&headers, "x-api-key", TOKEN);
    if by_bearer {
        assert_eq!(key, found);
    } else {
        assert!(known(&key, false), "{key:?}");
    }
    // Another scheme is not ours to read.
    assert_eq!(with(&headers, "authorization", &format!("Basic {TOKEN}")), found);
    // Alone, cookies are judged as if nobody had sent a bearer token.
    headers.remove(AUTHORIZATION);
    if !by_bearer {
        assert_eq!(of(&headers), found);
    }
});
