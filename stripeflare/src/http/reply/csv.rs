/// Whether a spreadsheet may take a text for a formula: some do behind blanks, and for wide signs, too.
pub(crate) fn is_formula(text: &str) -> bool {
    let first = text.trim_start_matches(|first: char| first.is_whitespace() || first.is_control());
    text.starts_with(['\t', '\r']) || first.starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csv_cells_that_begin_with_white_space_and_a_formula() {
        for formula in ["=1+1", "@x", " =1+1", "\t=1", "\n+1", "\u{a0}-1", "\0@x", "\tx", "\r", " \u{ff1d}1"] {
            assert!(is_formula(formula), "{formula:?}");
        }
        for text in ["", " ", "GET /a", "1-1", "a=1", " a@b"] {
            assert!(!is_formula(text), "{text:?}");
        }
    }
}
