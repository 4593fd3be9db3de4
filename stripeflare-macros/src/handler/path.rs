//! The rules of route paths, checked where axum would panic or never match.

use proc_macro2::Span;
use syn::LitStr;

use crate::errors::Errors;

/// Reports every mistake in a path, each at its place in the literal where the compiler allows it.
pub(super) fn check(path: &LitStr, errors: &mut Errors) {
    let text = path.value();
    let mut report = |at: usize, len: usize, message: String| {
        errors.push(inside(path, &text, at, len), message);
    };
    if text.is_empty() {
        report(0, 0, "the path is empty; the root is `/`".to_owned());
        return;
    }
    if !text.starts_with('/') {
        let message = format!("a path starts with `/`: write `/{text}`");
        report(0, text.len(), message);
        return;
    }
    if let Some(at) = text.find(['?', '#']) {
        let what = match text.as_bytes()[at] {
            b'?' => "a query is no part of a route's path; read it with the `Query` extractor",
            _ => "a fragment never reaches the server; a route's path ends before `#`",
        };
        report(at, text.len() - at, what.to_owned());
        return;
    }
    let unusable = |c: char| c.is_control() || c == ' ' || !c.is_ascii();
    if let Some((at, c)) = text.char_indices().find(|(_, c)| unusable(*c)) {
        let encoded = c.encode_utf8(&mut [0; 4]).bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
        let message = format!("requests carry {c:?} percent-encoded: write `{encoded}`");
        report(at, c.len_utf8(), message);
        return;
    }
    let mut names = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let end = text[at + 1..].find('/').map_or(text.len(), |next| at + 1 + next);
        let segment = Segment { text: &text[at + 1..end], at: at + 1, is_last: end == text.len() };
        match segment.parameter() {
            Ok(None) => {}
            Ok(Some(name)) if names.contains(&name) => {
                let message = format!("the parameter `{name}` is in this path twice");
                report(segment.at, segment.text.len(), message);
            }
            Ok(Some(name)) => names.push(name),
            Err(message) => report(segment.at, segment.text.len(), message),
        }
        at = end;
    }
}

/// What stands between two slashes.
struct Segment<'a> {
    text: &'a str,
    at: usize,
    is_last: bool,
}

impl<'a> Segment<'a> {
    /// The name of its parameter, if it has one.
    fn parameter(&self) -> Result<Option<&'a str>, String> {
        let text = self.text;
        if let Some(name) = text.strip_prefix(':') {
            return Err(format!("a parameter is written in braces: `/{{{name}}}`"));
        }
        if let Some(name) = text.strip_prefix('*') {
            return Err(format!("the rest of a path is written in braces: `/{{*{name}}}`"));
        }
        let Some(open) = self.opening()? else {
            return Ok(None);
        };
        let inner = &text[open + 1..];
        let Some(close) = inner.find('}') else {
            return Err("this `{` has no `}`; a brace itself is written `{{`".to_owned());
        };
        let (name, after) = (&inner[..close], &inner[close + 1..]);
        if !after.is_empty() {
            return Err(format!("nothing may follow a parameter before the next `/`: `{after}` does"));
        }
        let plain = name.strip_prefix('*').unwrap_or(name);
        if plain.is_empty() {
            return Err("a parameter needs a name, as in `/{id}`".to_owned());
        }
        if plain.contains(['{', '*']) {
            return Err(format!("`{plain}` is no name for a parameter"));
        }
        if name.starts_with('*') && !self.is_last {
            return Err(format!("`{{{name}}}` takes the rest of the path, so it comes last"));
        }
        if name.starts_with('*') && open > 0 {
            return Err(format!("`{{{name}}}` fills a whole segment: write a `/` before it"));
        }
        Ok(Some(plain))
    }

    /// Where the first brace opens; `{{` and `}}` stand for themselves.
    fn opening(&self) -> Result<Option<usize>, String> {
        let bytes = self.text.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            match (bytes[at], bytes.get(at + 1)) {
                (b'{', Some(b'{')) | (b'}', Some(b'}')) => at += 2,
                (b'{', _) => return Ok(Some(at)),
                (b'}', _) => {
                    return Err("this `}` has no `{`; a brace itself is written `}}`".to_owned());
                }
                _ => at += 1,
            }
        }
        Ok(None)
    }
}

/// The span of a part of the literal; of the whole where the compiler cannot say, or escapes shift the text.
fn inside(path: &LitStr, text: &str, at: usize, len: usize) -> Span {
    let token = path.token();
    let is_plain = token.to_string() == format!("\"{text}\"");
    match token.subspan(1 + at..1 + at + len) {
        Some(span) if is_plain && len > 0 => span,
        _ => path.span(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(path: &str) -> Vec<String> {
        let mut errors = Errors::new();
        check(&LitStr::new(path, Span::call_site()), &mut errors);
        errors.into_messages()
    }

    #[test]
    fn good_paths_pass() {
        for path in [
            "/",
            "/reverse",
            "/notes/{id}",
            "/notes/{id}/",
            "/user-{name}/x",
            "/files/{*rest}",
            "/a%20b",
            "/{{literal}}",
            "/a:b",
        ] {
            assert_eq!(messages(path), [] as [&str; 0], "{path}");
        }
    }

    #[test]
    fn each_mistake_says_what_to_write() {
        for (path, message) in [
            ("", "the path is empty; the root is `/`"),
            ("reverse", "a path starts with `/`: write `/reverse`"),
            ("/a?b=c", "a query is no part of a route's path; read it with the `Query` extractor"),
            ("/a#b", "a fragment never reaches the server; a route's path ends before `#`"),
            ("/a b", "requests carry ' ' percent-encoded: write `%20`"),
            ("/ü", "requests carry 'ü' percent-encoded: write `%C3%BC`"),
            ("/:id", "a parameter is written in braces: `/{id}`"),
            ("/*rest", "the rest of a path is written in braces: `/{*rest}`"),
            ("/{id", "this `{` has no `}`; a brace itself is written `{{`"),
            ("/id}", "this `}` has no `{`; a brace itself is written `}}`"),
            ("/{}", "a parameter needs a name, as in `/{id}`"),
            ("/{*}", "a parameter needs a name, as in `/{id}`"),
            ("/{a*b}", "`a*b` is no name for a parameter"),
            ("/{id}.json", "nothing may follow a parameter before the next `/`: `.json` does"),
            ("/{*rest}/a", "`{*rest}` takes the rest of the path, so it comes last"),
            ("/a{*rest}", "`{*rest}` fills a whole segment: write a `/` before it"),
            ("/{id}/{id}", "the parameter `id` is in this path twice"),
        ] {
            assert_eq!(messages(path), [message], "{path}");
        }
    }

    #[test]
    fn mistakes_in_several_segments_are_all_reported() {
        assert_eq!(messages("/:a/{b/c").len(), 2);
    }
}
