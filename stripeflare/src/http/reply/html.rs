//! Pages for people: plain HTML, the same in every browser, without a script.

use std::fmt::{self, Write};

use axum::response::{Html, IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderName, HeaderValue, StatusCode};

/// A text as HTML shows it, between tags and between the double quotes of an attribute.
///
/// Whatever did not come from this source code goes through it.
pub(crate) struct Escaped<T>(pub(crate) T);

impl<T: fmt::Display> fmt::Display for Escaped<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Escape(f), "{}", self.0)
    }
}

struct Escape<'a, 'f>(&'a mut fmt::Formatter<'f>);

impl Write for Escape<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for part in text.split_inclusive(['&', '<', '>', '"', '\'']) {
            let (plain, last) = part.split_at(part.len() - part.ends_with(['&', '<', '>', '"', '\'']) as usize);
            self.0.write_str(plain)?;
            self.0.write_str(match last {
                "&" => "&amp;",
                "<" => "&lt;",
                ">" => "&gt;",
                "\"" => "&quot;",
                "'" => "&#39;",
                _ => "",
            })?;
        }
        Ok(())
    }
}

const STYLE: &str = ":root{color-scheme:light dark;--ink:#1d1b2e;--paper:#faf9ff;--accent:#4b3fd6;--on:#fff}\
    @media(prefers-color-scheme:dark){:root{--ink:#eceaf6;--paper:#14121f;--accent:#a79dff;--on:#14121f}}\
    body{font:1rem/1.5 system-ui,sans-serif;max-width:46rem;margin:0 auto;padding:2.5rem 1rem 4rem;background:var(--paper);color:var(--ink)}\
    main{overflow-x:auto}h1{font-size:1.7rem;line-height:1.2;margin:0 0 1.2rem}h2{font-size:1.2rem;margin:2.2rem 0 .5rem}h3{font-size:1rem;margin:1.5rem 0 .5rem}\
    table{border-collapse:collapse;width:100%;font-size:.95rem}th,td{text-align:left;padding:.4rem .8rem .4rem 0;border-bottom:1px solid #8884}\
    .number{text-align:right;font-variant-numeric:tabular-nums}a{color:var(--accent)}\
    a.button,button{font:inherit;font-weight:600;display:inline-block;padding:.5rem 1rem;border:0;border-radius:.5rem;background:var(--accent);color:var(--on);text-decoration:none;cursor:pointer}\
    label{display:block;margin:.6rem 0}input,select{font:inherit;max-width:100%;padding:.3rem .5rem}form{margin:.5rem 0}td form{margin:0}td button{padding:.2rem .7rem;font-size:.9rem}code{overflow-wrap:anywhere}";

/// A page with a title, which is also its heading; `body` is HTML.
///
/// Nothing of it may be cached, framed, or run as a script, and no page that opened it sees it.
pub(crate) fn page(status: StatusCode, title: &str, body: &str) -> Response {
    let title = Escaped(title);
    let html = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{title}</title><style>{STYLE}</style></head><body><main><h1>{title}</h1>{body}</main></body></html>"
    );
    let mut response = (status, Html(html)).into_response();
    let headers = response.headers_mut();
    for (name, value) in [
        (CACHE_CONTROL, "private, no-store"),
        (
            CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        ),
        // Not `no-referrer`: a form would then be sent without its origin.
        (REFERRER_POLICY, "same-origin"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_written_in_a_text_is_markup() {
        let escaped = |text: &str| Escaped(text).to_string();
        assert_eq!(escaped("<b title=\"x\">&'é"), "&lt;b title=&quot;x&quot;&gt;&amp;&#39;é");
        assert_eq!(escaped(""), "");
        assert_eq!(escaped("plain"), "plain");
        let page = page(StatusCode::OK, "<script>", "<p>fine</p>");
        let body = futures_util::FutureExt::now_or_never(axum::body::to_bytes(page.into_body(), usize::MAX));
        let html = String::from_utf8(body.unwrap().unwrap().to_vec()).unwrap();
        assert!(html.contains("<h1>&lt;script&gt;</h1><p>fine</p>") && !html.contains("<script>"), "{html}");
    }
}
