//! Where in its file an attribute stands: a macro is shown the function alone, not what is around it.

use std::str::Chars;

/// Whether the innermost braces around a place are those of an `impl` or a `trait`. Lines and columns count from one.
pub(crate) fn is_in_impl(source: &str, line: usize, column: usize) -> bool {
    let mut open = Vec::new();
    let mut head = Head::default();
    let mut rest = Rest { chars: source.chars(), line: 1, column: 0 };
    while let Some(char) = rest.next() {
        if (rest.line, rest.column) >= (line, column) {
            return open.last() == Some(&true);
        }
        match char {
            '/' if rest.begins_with("/") => rest.skip_past("\n"),
            '/' if rest.begins_with("*") => rest.skip_comment(),
            '"' => rest.skip_string(),
            '\'' => rest.skip_character(),
            '{' => open.push(std::mem::take(&mut head).is_impl),
            '}' => {
                open.pop();
                head = Head::default();
            }
            ';' => head = Head::default(),
            _ if is_word(char) => {
                let word = rest.word(char);
                match word.as_str() {
                    "r" | "br" | "cr" => rest.skip_raw_string(),
                    "impl" | "trait" if !head.is_known => head = Head { is_known: true, is_impl: true },
                    "fn" | "mod" | "struct" | "enum" | "union" | "static" | "macro_rules" => head.is_known = true,
                    _ => {}
                }
            }
            _ => {}
        }
    }
    false
}

/// What stands before braces.
#[derive(Default)]
struct Head {
    is_known: bool,
    is_impl: bool,
}

fn is_word(char: char) -> bool {
    char.is_alphanumeric() || char == '_'
}

/// What was not read yet, and the place of what was read last.
struct Rest<'a> {
    chars: Chars<'a>,
    line: usize,
    column: usize,
}

impl Rest<'_> {
    fn next(&mut self) -> Option<char> {
        let char = self.chars.next()?;
        (self.line, self.column) = match char {
            '\n' => (self.line + 1, 0),
            _ => (self.line, self.column + 1),
        };
        Some(char)
    }

    fn begins_with(&self, text: &str) -> bool {
        self.chars.as_str().starts_with(text)
    }

    fn skip_past(&mut self, end: &str) {
        while !self.begins_with(end) && self.next().is_some() {}
        for _ in end.chars() {
            self.next();
        }
    }

    fn skip_comment(&mut self) {
        let mut depth = 1;
        self.next();
        while depth > 0 {
            if self.begins_with("/*") {
                depth += 1;
                self.next();
            } else if self.begins_with("*/") {
                depth -= 1;
                self.next();
            }
            if self.next().is_none() {
                return;
            }
        }
    }

    fn skip_string(&mut self) {
        while let Some(char) = self.next() {
            match char {
                '\\' => {
                    self.next();
                }
                '"' => return,
                _ => {}
            }
        }
    }

    /// After `r`, if that is the beginning of one.
    fn skip_raw_string(&mut self) {
        let text = self.chars.as_str();
        let hashes = text.len() - text.trim_start_matches('#').len();
        if text[hashes..].starts_with('"') {
            self.skip_past("\"");
            self.skip_past(&format!("\"{}", "#".repeat(hashes)));
        }
    }

    /// After a quote: a character, or the name of a lifetime, which has no other quote.
    fn skip_character(&mut self) {
        let mut ahead = self.chars.clone();
        match (ahead.next(), ahead.next()) {
            (Some('\\'), _) => {
                self.next();
                self.next();
                self.skip_past("'");
            }
            (Some(_), Some('\'')) => self.skip_past("'"),
            _ => {}
        }
    }

    fn word(&mut self, first: char) -> String {
        let mut word = String::from(first);
        while let Some(char) = self.chars.clone().next().filter(|char| is_word(*char)) {
            word.push(char);
            self.next();
        }
        word
    }
}

#[cfg(test)]
mod tests {
    use super::is_in_impl;

    /// Whether `§` is in an `impl`.
    fn is(source: &str) -> bool {
        let before = source.split('§').next().unwrap();
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap().chars().count() + 1;
        is_in_impl(&source.replace('§', "#[get]"), line, column)
    }

    #[test]
    fn the_braces_around_a_place() {
        for source in [
            "impl Greeter { § async fn x() {} }",
            "struct A;\nimpl<T> Trait for A<T>\nwhere\n    T: Copy,\n{\n    const A: u8 = b'{';\n    fn a() -> u8 { 1 }\n\n    §\n}",
            "unsafe impl A { /* } /* } */ } */ fn a<'a>(b: &'a str) { \"}\"; r#\"}\"}\"#; '}'; '\\''; '\\u{7d}' } // }\n § }",
            "trait A { § }",
            "mod a { #[cfg(any())] pub(crate) trait A { fn b(); § } }",
            "macro_rules! a { () => { impl A { § } } }",
        ] {
            assert!(is(source), "{source}");
        }
        for source in [
            "§ async fn x() {}",
            "impl A { fn b() {} } §",
            "impl A { fn b() { § } }",
            "fn a() -> impl Into<u8> { § }",
            "mod implementation { § }",
            "macro_rules! a { () => { § } }",
            "// impl A {\n§",
            "const A: &str = \"impl A {\"; §",
            "const A: &str = r##\"impl \"# A {\"##; §",
            "fn r#impl() { § }",
        ] {
            assert!(!is(source), "{source}");
        }
    }
}
