use http::header::{AUTHORIZATION, COOKIE, HOST, ORIGIN};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use stripeflare_core::identity::Token;

const API_KEY: HeaderName = HeaderName::from_static("x-api-key");
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");
const PURPOSE: [HeaderName; 2] = [HeaderName::from_static("sec-purpose"), HeaderName::from_static("purpose")];

/// Who calls, by what the request shows.
#[derive(Debug)]
pub(crate) enum Caller {
    /// Nobody we know; asks no object.
    Visitor,
    /// A token, of whose account the object knows whether it opens it.
    Known { token: Token, by_cookie: bool },
    /// Two cookies in one request: one of them was planted.
    TwoCookies,
    /// A token that cannot open anything, or two different ones.
    WrongToken,
    /// A cookie that cannot open anything.
    StaleCookie,
}

impl Caller {
    pub(crate) fn of(headers: &HeaderMap, cookie: &str) -> Self {
        let opens = |text: &str| text.parse::<Token>().ok();
        if let Some((first, others)) = sent_tokens(headers).split_first() {
            let first = first.filter(|_| others.iter().all(|other| other == first));
            return first.and_then(opens).map_or(Self::WrongToken, |token| Self::Known { token, by_cookie: false });
        }
        let mut cookies = cookies(headers, cookie);
        match (cookies.next(), cookies.next()) {
            (None, _) => Self::Visitor,
            (Some(_), Some(_)) => Self::TwoCookies,
            (Some(value), None) => {
                opens(value).map_or(Self::StaleCookie, |token| Self::Known { token, by_cookie: true })
            }
        }
    }
}

/// What a request says beside its token and its cookies that looks like credentials of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Foreign {
    /// Browsers send it by themselves, and the panel takes it.
    Basic,
    /// Another scheme of `Authorization`, or a token where none is looked for.
    Other,
}

impl Foreign {
    /// `None` as well where a token came as it should: that one counts.
    pub(crate) fn of(headers: &HeaderMap, uri: &Uri) -> Option<Self> {
        if !sent_tokens(headers).is_empty() {
            return None;
        }
        let is_token = |text: &str| text.parse::<Token>().is_ok();
        let mut authorizations = headers.get_all(AUTHORIZATION).iter().map(scheme).peekable();
        if authorizations.peek().is_none() {
            let mut others = headers.iter().filter(|(name, _)| *name != COOKIE);
            let in_header = others.any(|(_, value)| value.to_str().is_ok_and(|text| is_token(trimmed(text))));
            let mut query = uri.query().unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
            return (in_header || query.any(|(_, value)| is_token(value))).then_some(Self::Other);
        }
        let of_scheme = |(scheme, _): (&[u8], _)| match scheme {
            // Of a protocol of its own, in which a call says how it will pay.
            scheme if scheme.eq_ignore_ascii_case(b"payment") => None,
            scheme if scheme.eq_ignore_ascii_case(b"basic") => Some(Self::Basic),
            _ => Some(Self::Other),
        };
        authorizations.filter_map(of_scheme).max_by_key(|foreign| *foreign == Self::Other)
    }
}

/// The scheme of an `Authorization`, and what follows it.
fn scheme(value: &HeaderValue) -> (&[u8], &[u8]) {
    let value = value.as_bytes();
    match value.iter().position(|byte| *byte == b' ') {
        Some(space) => (&value[..space], &value[space + 1..]),
        None => (value, &[]),
    }
}

/// The texts of all `Authorization: Bearer`, or else of all `X-API-Key`; `None` for one that is unreadable.
fn sent_tokens(headers: &HeaderMap) -> Vec<Option<&str>> {
    let text = |token| std::str::from_utf8(token).ok().map(trimmed);
    let bearers = headers.get_all(AUTHORIZATION).iter().map(scheme);
    let bearers = bearers.filter(|(scheme, _)| scheme.eq_ignore_ascii_case(b"bearer"));
    let mut tokens: Vec<_> = bearers.map(|(_, token)| text(token)).collect();
    if tokens.is_empty() {
        tokens.extend(headers.get_all(API_KEY).iter().map(|key| text(key.as_bytes())));
    }
    tokens
}

/// Without the blanks that may stand around a name or a value. Other white space belongs to it: to a browser a name that
/// begins with such is without the prefix, and a sibling subdomain may set it.
fn trimmed(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

/// All values of one cookie; what is no cookie is passed over.
pub(crate) fn cookies<'a>(headers: &'a HeaderMap, name: &'a str) -> impl Iterator<Item = &'a str> {
    headers
        .get_all(COOKIE)
        .iter()
        .flat_map(|header| header.as_bytes().split(|byte| *byte == b';'))
        .filter_map(|pair| std::str::from_utf8(pair).ok()?.split_once('='))
        .filter(move |(known, _)| trimmed(known) == name)
        .map(|(_, value)| trimmed(value))
}

/// What kind of request this is, by the headers browsers set and pages cannot.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manner {
    /// A person follows a link or types an address.
    pub(crate) navigation: bool,
    /// The same, or a frame is loaded.
    pub(crate) navigates: bool,
    /// A browser sent it.
    pub(crate) browser: bool,
    /// The browser sent our cookie along if it has one. Of what other sites cause, `SameSite=Lax` lets it do so only where
    /// a person follows a link.
    pub(crate) brings_cookies: bool,
    /// Another site caused it, as the browser says.
    pub(crate) foreign: bool,
    /// Nothing says that a person or a page of ours asked for it, or nobody has yet (prefetch).
    pub(crate) unasked: bool,
}

impl Manner {
    pub(crate) fn of(method: &Method, headers: &HeaderMap) -> Self {
        let is = |name: &HeaderName, value: &str| {
            headers.get(name).is_some_and(|found| found.as_bytes() == value.as_bytes())
        };
        let prefetch =
            PURPOSE.iter().any(|name| headers.get(name).is_some_and(|value| value.as_bytes().starts_with(b"prefetch")));
        let ours = if headers.contains_key(&FETCH_SITE) {
            Some(is(&FETCH_SITE, "same-origin") || is(&FETCH_SITE, "none"))
        } else {
            headers.get(ORIGIN).map(|origin| is_origin_of(origin.as_bytes(), headers))
        };
        let foreign = ours == Some(false);
        let navigates = is(&FETCH_MODE, "navigate") && !prefetch;
        let navigation = navigates && is(&FETCH_DEST, "document");
        Self {
            navigation,
            navigates,
            browser: headers.contains_key(&FETCH_SITE) || headers.contains_key(&FETCH_MODE),
            brings_cookies: !foreign || (navigation && method == Method::GET),
            foreign,
            unasked: prefetch || ours != Some(true),
        }
    }
}

fn is_origin_of(origin: &[u8], headers: &HeaderMap) -> bool {
    let host = origin.strip_prefix(b"https://").or_else(|| origin.strip_prefix(b"http://"));
    headers.get(HOST).is_some_and(|wanted| host.is_some_and(|host| host.eq_ignore_ascii_case(wanted.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &[u8])]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_bytes(value).unwrap()))
            .collect()
    }

    #[test]
    fn a_token_is_known_by_bearer_or_cookie() {
        let token = Token::generate("1");
        let text = token.expose();
        let bearer = format!("bEaReR {text}");
        let cookie = format!("a=b; access_token={text}; c");
        for (name, value, by_cookie) in [("authorization", &bearer, false), ("cookie", &cookie, true)] {
            match Caller::of(&headers(&[(name, value.as_bytes())]), "access_token") {
                Caller::Known { token: known, by_cookie: how } => assert_eq!((known, how), (token.clone(), by_cookie)),
                other => panic!("{other:?}"),
            }
        }
        assert!(matches!(
            Caller::of(&headers(&[("cookie", cookie.as_bytes())]), "__Host-access_token"),
            Caller::Visitor
        ));
    }

    #[test]
    fn garbage_is_nobody_or_refused_but_never_an_error() {
        let of = |name, value: &[u8]| Caller::of(&headers(&[(name, value)]), "access_token");
        assert!(matches!(of("cookie", b";;;=; =x; \xff\xfe=1; access_token"), Caller::Visitor));
        assert!(matches!(of("cookie", b"access_token=; other=1"), Caller::StaleCookie));
        assert!(matches!(of("cookie", b"access_token=\xff"), Caller::Visitor));
        assert!(matches!(of("cookie", b"access_token=a; access_token=b"), Caller::TwoCookies));
        assert!(matches!(of("authorization", b"Bearer \xff"), Caller::WrongToken));
        assert!(matches!(of("authorization", b"Bearer "), Caller::WrongToken));
        assert!(matches!(of("authorization", b"Bearer"), Caller::WrongToken));
        assert!(matches!(of("authorization", b"Basic YWRtaW4="), Caller::Visitor));
        assert!(matches!(of("authorization", b"Bear"), Caller::Visitor));
    }

    #[test]
    fn a_token_may_come_as_an_api_key_and_no_two_may_differ() {
        let (token, other) = (Token::generate("1").expose(), Token::generate("1").expose());
        let bearer = |token: &str| ("authorization", format!("Bearer {token}"));
        let key = |token: &str| ("x-api-key", token.to_owned());
        for (pairs, is_known) in [
            (vec![key(&token)], true),
            (vec![bearer(&token), key(&token)], true),
            (vec![bearer(&token), bearer(&token)], true),
            (vec![bearer(&token), key("another service's")], true),
            (vec![key(&token), key(&other)], false),
            (vec![bearer(&token), bearer(&other)], false),
            (vec![key("another service's")], false),
        ] {
            let mut headers = HeaderMap::new();
            for (name, value) in &pairs {
                headers.append(*name, value.parse().unwrap());
            }
            match Caller::of(&headers, "access_token") {
                Caller::Known { token: known, by_cookie: false } => {
                    assert!(is_known, "{pairs:?}");
                    assert_eq!(known.expose(), token);
                }
                Caller::WrongToken => assert!(!is_known, "{pairs:?}"),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn credentials_of_another_form_are_seen() {
        let token = Token::generate("1").expose();
        let of = |name: &'static str, value: &str, uri: &str| {
            Foreign::of(&headers(&[(name, value.as_bytes())]), &uri.parse().unwrap())
        };
        for value in [token.clone(), format!("Token {token}"), format!("Bearer:{token}"), format!("token={token}")] {
            assert_eq!(of("authorization", &value, "/"), Some(Foreign::Other), "{value}");
        }
        assert_eq!(of("authorization", "Basic YTpi", "/"), Some(Foreign::Basic));
        assert_eq!(of("x-auth-token", &token, "/"), Some(Foreign::Other));
        assert_eq!(of("accept", "*/*", &format!("/?a=b&access_token={token}")), Some(Foreign::Other));
        for (name, value) in [
            ("authorization", format!("Bearer {token}")),
            ("authorization", "Payment id=\"1\"".to_owned()),
            ("x-api-key", token.clone()),
            ("x-auth-token", "of the application".to_owned()),
            ("cookie", token.clone()),
        ] {
            assert_eq!(of(name, &value, "/?a=b"), None, "{name}: {value}");
        }
        let mut several = headers(&[("authorization", b"Basic YTpi")]);
        several.append("authorization", HeaderValue::from_static("Digest a"));
        assert_eq!(Foreign::of(&several, &Uri::from_static("/")), Some(Foreign::Other));
    }

    #[test]
    fn a_cookie_whose_name_only_looks_like_ours_is_another() {
        let token = Token::generate("1").expose();
        // What browsers take for a name without the prefix, and therefore from a sibling subdomain, too.
        for name in ["\u{2000}__Host-access_token", "\u{a0}__Host-access_token", "__Host-access_token\u{85}"] {
            let cookie = format!("{name}={token}");
            assert!(matches!(
                Caller::of(&headers(&[("cookie", cookie.as_bytes())]), "__Host-access_token"),
                Caller::Visitor
            ));
        }
        for spelling in [format!("access_token={token}\u{2003}"), format!("access_token=\u{a0}{token}")] {
            assert!(matches!(
                Caller::of(&headers(&[("cookie", spelling.as_bytes())]), "access_token"),
                Caller::StaleCookie
            ));
        }
    }

    #[test]
    fn only_our_own_pages_and_people_count_as_asked_for() {
        let manner = |pairs: &[(&'static str, &[u8])]| Manner::of(&Method::GET, &headers(pairs));
        let unasked = |pairs: &[(&'static str, &[u8])]| manner(pairs).unasked;
        assert!(unasked(&[]), "an old browser's, of which nobody knows");
        assert!(!manner(&[]).foreign && manner(&[("sec-fetch-site", b"cross-site")]).foreign);
        assert!(!unasked(&[("sec-fetch-site", b"same-origin")]));
        assert!(!unasked(&[("sec-fetch-site", b"none")]));
        assert!(!unasked(&[("origin", b"https://api.example"), ("host", b"api.example")]));
        assert!(unasked(&[("sec-fetch-site", b"same-site")]));
        assert!(unasked(&[("sec-fetch-site", b"cross-site")]));
        assert!(unasked(&[("origin", b"https://evil.example"), ("host", b"api.example")]));
        assert!(unasked(&[("origin", b"null"), ("host", b"api.example")]));
        assert!(unasked(&[("sec-fetch-site", b"none"), ("sec-purpose", b"prefetch;prerender")]));
    }
}
