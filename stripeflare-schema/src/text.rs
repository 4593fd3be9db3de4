//! Texts that people read beside others.

/// Bytes of a label that says what a charge was for.
const LABEL_BYTES: std::ops::RangeInclusive<usize> = 1..=100;

/// Whether a statement can say of a charge that it was for this.
#[must_use]
pub fn is_label(text: &str) -> bool {
    LABEL_BYTES.contains(&text.len()) && !text.contains(is_invisible)
}

/// Shows as nothing, or changes how what stands beside it shows: with such a label one token looks like another.
///
/// Unicode's controls, formats (bidirectional ones, joiners), blanks that are letters, and variation selectors.
#[must_use]
pub fn is_invisible(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{890}'..='\u{891}'
            | '\u{8e2}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{110bd}' | '\u{110cd}'
            | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_short_and_shows_as_what_it_is() {
        for label in ["Render", "a", "Übersetzen – schnell", "日本語", &"x".repeat(100)] {
            assert!(is_label(label), "{label}");
        }
        for label in ["", "a\nb", "a\tb", "a\u{202e}b", "a\u{200b}b", "\u{7f}", &"x".repeat(101)] {
            assert!(!is_label(label), "{label:?}");
        }
    }
}
