//! What is answered: errors and refusals, with all their texts, and pages.

pub(crate) mod answer;
pub(crate) mod csv;
pub(crate) mod date;
pub(crate) mod html;
pub(crate) mod refusals;
