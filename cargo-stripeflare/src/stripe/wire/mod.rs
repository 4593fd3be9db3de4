//! What goes over the wire, whatever it is about: forms in, JSON and its errors out, signatures.

pub(super) mod currency;
pub(super) mod error;
pub(super) mod form;
pub(super) mod ids;
pub(super) mod json;
pub(super) mod signature;

/// The one version of the API that the stand-in speaks.
pub const API_VERSION: &str = "2026-07-29.dahlia";
