use std::borrow::Cow;
use std::fmt;

use axum::response::Response;
use http::StatusCode;
use stripeflare_core::account::TxError;

/// Why a handler could not answer. The caller pays nothing for it.
///
/// `?` turns any error into one: it is answered as 500 with a general text, and its cause is logged. With [`Error::new`]
/// you choose the status and the text the caller sees.
pub struct Error(pub(crate) Kind);

pub(crate) enum Kind {
    /// Said to the caller.
    Said(StatusCode, Cow<'static, str>),
    /// Logged, not said.
    Cause(Box<dyn std::error::Error>),
    /// The answer to a charge or an update that was refused.
    Refused(Box<Response>),
}

/// What the operator has to mend before this goes on. It names variables and tells nobody a value that is secret.
#[derive(Debug)]
pub(crate) struct Misconfigured(pub(crate) StatusCode, pub(crate) String);

impl fmt::Display for Misconfigured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.1)
    }
}

impl std::error::Error for Misconfigured {}

/// What fallible handlers return.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error with a status and a text for the caller.
    pub fn new(status: StatusCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Kind::Said(status, message.into()))
    }

    /// Why something was not done to an account's money or tables, if that is what went wrong.
    #[must_use]
    pub fn refusal(&self) -> Option<&TxError> {
        match &self.0 {
            Kind::Cause(cause) => cause.downcast_ref(),
            _ => None,
        }
    }
}

/// What `?` makes an [`Error`] of: any error with a type of its own.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no `std::error::Error`",
    label = "for a text that the caller is to see, make it an `Error::new(StatusCode::…, \"…\")`"
)]
pub trait Cause: std::error::Error + 'static {}

#[diagnostic::do_not_recommend]
impl<E: std::error::Error + 'static> Cause for E {}

impl<E: Cause> From<E> for Error {
    fn from(cause: E) -> Self {
        Self(Kind::Cause(Box::new(cause)))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Said(status, message) => write!(f, "{status}: {message}"),
            Kind::Cause(cause) => {
                cause.fmt(f)?;
                let mut source = cause.source();
                while let Some(cause) = source {
                    write!(f, ": {cause}")?;
                    source = cause.source();
                }
                Ok(())
            }
            Kind::Refused(response) => write!(f, "refused with {}", response.status()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
