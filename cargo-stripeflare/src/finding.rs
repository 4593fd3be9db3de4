//! What is not as it should be.

use std::fmt;

/// Something to mend, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What is wrong. Names variables, never a value.
    pub what: String,
    /// What mends it.
    pub mend: String,
}

impl Finding {
    pub(crate) fn new(what: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { what: what.into(), mend: mend.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n    → {}", self.what, self.mend)
    }
}
