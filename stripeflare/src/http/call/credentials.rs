use http::header::{AUTHORIZATION, COOKIE, HOST, ORIGIN};
use http::{HeaderMap, HeaderName, Method};
use stripeflare_core::identity::Token;

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
    /// A bearer token that cannot open anything.
    WrongBearer,
    /// A cookie that cannot open anything.
    StaleCookie,
}

impl Caller {
    pub(crate) fn of(headers: &HeaderMap, cookie: &str) -> Self {
        let opens = |text: &str| text.parse::<Token>().ok();
        if let Some(bearer) = bearer(headers) {
            return bearer.and_then(opens).map_or(Self::WrongBearer, |token| Self::Known { token, by_cookie: false });
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

/// The text behind `Authorization: Bearer`; `Some(None)` when it is unreadable or there are several.
fn bearer(headers: &HeaderMap) -> Option<Option<&str>> {
    let mut values = headers.get_all(AUTHORIZATION).iter().filter_map(|value| {
        let (scheme, token) = value.as_bytes().split_at_checked(7)?;
        scheme.eq_ignore_ascii_case(b"bearer ").then(|| std::str::from_utf8(token).ok().map(trimmed))
    });
    let first = values.next()?;
    Some(if values.next().is_some() { None } else { first })
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
    /// A browser sent it.
    pub(crate) browser: bool,
    /// A page of this very site caused it, as the browser says.
    pub(crate) from_here: bool,
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
        let navigation = is(&FETCH_MODE, "navigate") && is(&FETCH_DEST, "document") && !prefetch;
        Self {
            navigation,
            browser: headers.contains_key(&FETCH_SITE) || headers.contains_key(&FETCH_MODE),
            from_here: is(&FETCH_SITE, "same-origin"),
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
    use http::HeaderValue;

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
        assert!(matches!(of("authorization", b"Bearer \xff"), Caller::WrongBearer));
        assert!(matches!(of("authorization", b"Bearer "), Caller::WrongBearer));
        assert!(matches!(of("authorization", b"Basic YWRtaW4="), Caller::Visitor));
        assert!(matches!(of("authorization", b"Bear"), Caller::Visitor));
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
