//! Collects the mistakes of one macro call, so that all of them are reported at once.

use std::fmt::Display;

use proc_macro2::{Ident, Span, TokenStream};

/// The mistakes found so far. Dropping it unread is a bug in this crate: a mistake would pass in silence.
pub(crate) struct Errors {
    found: Vec<syn::Error>,
    read: bool,
}

impl Errors {
    pub(crate) fn new() -> Self {
        Self { found: Vec::new(), read: false }
    }

    pub(crate) fn push(&mut self, span: Span, message: impl Display) {
        self.found.push(syn::Error::new(span, message));
    }

    pub(crate) fn add(&mut self, error: syn::Error) {
        self.found.push(error);
    }

    pub(crate) fn count(&self) -> usize {
        self.found.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// One `compile_error!` for each mistake.
    pub(crate) fn into_tokens(mut self) -> TokenStream {
        self.read = true;
        std::mem::take(&mut self.found).into_iter().map(syn::Error::into_compile_error).collect()
    }

    #[cfg(test)]
    pub(crate) fn into_messages(mut self) -> Vec<String> {
        self.read = true;
        std::mem::take(&mut self.found).into_iter().flatten().map(|error| error.to_string()).collect()
    }
}

impl Drop for Errors {
    fn drop(&mut self) {
        if !self.read && !std::thread::panicking() {
            panic!("the errors of a macro call were never read");
        }
    }
}

/// What a macro call becomes: code that type-checks even after a mistake, and the mistakes.
pub(crate) struct Expansion {
    pub(crate) tokens: TokenStream,
    pub(crate) errors: Errors,
}

impl Expansion {
    pub(crate) fn into_tokens(self) -> TokenStream {
        let mut tokens = self.errors.into_tokens();
        tokens.extend(self.tokens);
        tokens
    }
}

/// Says that `key` is not known, which one was probably meant, and which ones there are.
pub(crate) fn unknown_key(key: &Ident, known: &[&str]) -> syn::Error {
    let name = key.to_string();
    let meant = match nearest(&name, known) {
        Some(meant) => format!("; did you mean `{meant}`?"),
        None => String::new(),
    };
    let list = known.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
    let message = match meant.is_empty() {
        true => format!("unknown key `{name}`; known here: {list}"),
        false => format!("unknown key `{name}`{meant} (known here: {list})"),
    };
    syn::Error::new(key.span(), message)
}

/// The known word that `word` is most likely a slip of.
fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let word = word.to_lowercase();
    known
        .iter()
        .map(|candidate| (distance(&word, candidate), *candidate))
        .filter(|(distance, candidate)| *distance <= candidate.len().max(word.len()) / 3 + 1)
        .filter(|(distance, candidate)| *distance < candidate.len())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Insertions, deletions and substitutions between two words (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b = b.chars().collect::<Vec<_>>();
    let mut row = (0..=b.len()).collect::<Vec<_>>();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_its_word() {
        let known = ["cents", "max_cents", "hold_s", "crate"];
        assert_eq!(nearest("cent", &known), Some("cents"));
        assert_eq!(nearest("Cents", &known), Some("cents"));
        assert_eq!(nearest("maxcents", &known), Some("max_cents"));
        assert_eq!(nearest("hold", &known), Some("hold_s"));
        assert_eq!(nearest("currency", &known), None);
        assert_eq!(nearest("x", &["a"]), None);
    }

    #[test]
    fn distance_counts_edits() {
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("same", "same"), 0);
    }
}
