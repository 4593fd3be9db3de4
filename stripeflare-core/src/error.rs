//! What goes wrong on our side.

use std::fmt;

use crate::sql::SqlError;

/// An error of ours; whoever called rolls back, and nothing was done.
#[derive(Debug)]
pub enum WalletError {
    Sql(SqlError),
    /// A sum went past what an amount can hold.
    Overflow,
    /// The same hold id came with another amount.
    HoldReused,
    /// A refund or dispute came for a payment that was not credited here, or not yet.
    UnknownPayment,
    /// What is kept is of another currency than `STRIPE_CURRENCY`.
    Currency {
        kept: String,
    },
}

impl fmt::Display for WalletError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sql(error) => error.fmt(f),
            Self::Overflow => f.write_str("a balance went past 2^53 - 1 ten-thousandths of a cent"),
            Self::HoldReused => f.write_str("a hold id was used for two different amounts"),
            Self::Currency { kept } => write!(
                f,
                "the variable STRIPE_CURRENCY is not {kept}, and the data that exists is: set it to {kept}, or begin with \
                 fresh data by another version"
            ),
            Self::UnknownPayment => f.write_str("the payment of this refund or dispute is not credited here yet"),
        }
    }
}

impl std::error::Error for WalletError {}

impl From<SqlError> for WalletError {
    fn from(error: SqlError) -> Self {
        Self::Sql(error)
    }
}
