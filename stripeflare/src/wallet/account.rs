use serde::{Deserialize, Serialize};

use super::{Hold, Millis, Reader, Row, SqlError, Value};
use crate::account::AccountId;
use crate::money::{Cents, units};

/// One row of `users`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Account {
    pub(crate) id: AccountId,
    pub(crate) registered_at: Millis,
    /// Raised by every change of the row.
    pub(crate) revision: i64,
    #[serde(with = "units")]
    pub(crate) balance: Cents,
    /// Held by open disputes.
    #[serde(with = "units")]
    pub(crate) frozen: Cents,
    pub(crate) holds: Vec<Hold>,
    pub(crate) name: Option<String>,
    pub(crate) email: Option<String>,
    pub(crate) card_fingerprint: Option<String>,
    pub(crate) verified_email: Option<String>,
    /// The owner's columns.
    pub(crate) columns: Row,
}

impl Account {
    pub(super) const SELECT: &str = "SELECT account_id, registered_at, revision, balance, frozen, holds, name, email, card_fingerprint, verified_email";

    pub(super) fn read(row: Row) -> Result<Self, SqlError> {
        let mut row = Reader::new(row);
        Ok(Self {
            id: row.text()?.parse().map_err(|error| SqlError(format!("users.account_id: {error}")))?,
            registered_at: row.integer()?,
            revision: row.integer()?,
            balance: row.cents()?,
            frozen: row.cents()?,
            holds: serde_json::from_str(&row.text()?).map_err(|error| SqlError(format!("users.holds: {error}")))?,
            name: row.optional_text()?,
            email: row.optional_text()?,
            card_fingerprint: row.optional_text()?,
            verified_email: row.optional_text()?,
            columns: row.rest(),
        })
    }

    /// An account that nobody has paid for: nothing is stored of it.
    pub(crate) fn unregistered(id: AccountId, columns: Row) -> Self {
        Self {
            id,
            registered_at: 0,
            revision: 0,
            balance: Cents::ZERO,
            frozen: Cents::ZERO,
            holds: Vec::new(),
            name: None,
            email: None,
            card_fingerprint: None,
            verified_email: None,
            columns,
        }
    }

    pub(crate) fn is_registered(&self) -> bool {
        self.revision > 0
    }

    pub(super) fn holds_value(&self) -> Value {
        // A vector of plain fields has no way to fail.
        Value::Text(serde_json::to_string(&self.holds).expect("holds are plain JSON"))
    }
}
