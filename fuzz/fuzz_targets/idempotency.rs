//! Lines: a method, a path and query, the values of `Idempotency-Key` headers up to an empty line; then the body.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stripeflare::axum::body::Body;
use stripeflare::axum::extract::Request;
use stripeflare::axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use stripeflare::fuzzing::{Idempotency, idempotency};
use stripeflare_fuzz::first_line;

const HEADER: &str = "idempotency-key";

fn read(
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<(Option<Idempotency>, Vec<u8>), StatusCode> {
    let mut request = Request::new(Body::from(body.to_vec()));
    *request.method_mut() = method.clone();
    *request.uri_mut() = uri.clone();
    *request.headers_mut() = headers.clone();
    idempotency(request)
}

fuzz_target!(|input: &[u8]| {
    let (method, rest) = first_line(input);
    let (uri, mut rest) = first_line(rest);
    let (Ok(method), Ok(uri)) = (Method::from_bytes(method), Uri::try_from(uri)) else { return };
    let mut headers = HeaderMap::new();
    loop {
        let (value, after) = first_line(rest);
        rest = after;
        if value.is_empty() {
            break;
        }
        if let Ok(value) = HeaderValue::from_bytes(value) {
            headers.append(HEADER, value);
        }
    }
    let body = rest;

    let values: Vec<&HeaderValue> = headers.get_all(HEADER).iter().collect();
    let found = match read(&method, &uri, &headers, body) {
        Ok((found, passed_on)) => {
            assert_eq!(passed_on, body, "the handler gets the body it was sent");
            found
        }
        Err(status) => {
            assert_eq!(status, StatusCode::BAD_REQUEST);
            let printable = |value: &HeaderValue| value.as_bytes().iter().all(|byte| (32..127).contains(byte) && *byte != b',');
            let is_key = values.len() == 1 && (1..=255).contains(&values[0].len()) && printable(values[0]);
            assert!(!is_key, "a good key is never refused");
            return;
        }
    };
    let Some(found) = found else {
        assert!(values.is_empty(), "a call with a key is never one without");
        return;
    };
    assert_eq!(values.len(), 1);
    assert_eq!(values[0].as_bytes(), found.key.as_bytes());
    assert!((1..=255).contains(&found.key.len()) && found.key.is_ascii());

    let fingerprint = |method: &Method, uri: &Uri, body: &[u8]| {
        let (found, _) = read(method, uri, &headers, body).expect("the same key");
        found.expect("the same key").fingerprint
    };
    // The same call is the same; another method, path, query or body is another.
    assert_eq!(fingerprint(&method, &uri, body), found.fingerprint);
    let other = if method == Method::POST { Method::PUT } else { Method::POST };
    assert_ne!(fingerprint(&other, &uri, body), found.fingerprint);
    assert_ne!(fingerprint(&method, &uri, &[body, b"0"].concat()), found.fingerprint);
    let query = if uri.query().is_some() { '&' } else { '?' };
    if uri.path().starts_with('/')
        && let Ok(other) = Uri::try_from(format!("{uri}{query}x"))
    {
        assert_ne!(fingerprint(&method, &other, body), found.fingerprint);
    }
    // No byte can move between the query and the body.
    if let (Some(first), Ok(moved)) = (body.first(), std::str::from_utf8(body))
        && first.is_ascii_alphanumeric()
        && let Ok(other) = Uri::try_from(format!("{uri}{query}{}", &moved[..1]))
    {
        assert_ne!(fingerprint(&method, &other, &body[1..]), found.fingerprint);
    }
});
