use serde::{Deserialize, Serialize};

use crate::account::hold::Hold;
use crate::account::line::Ledger;
use crate::account::usage::Usage;
use crate::clock::Millis;
use crate::identity::AccountId;
use crate::money::{Cents, units};
use crate::schema::Schema;
use crate::sql::{Reader, Row, SqlError, Value};
use crate::stored::{store, stored};

/// One row of `users`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AccountRow {
    pub id: AccountId,
    pub registered_at: Millis,
    /// Raised by every change of the row.
    pub revision: i64,
    /// The revision the aggregate knows.
    pub sent_revision: i64,
    #[serde(with = "units")]
    pub balance: Cents,
    /// Held by open disputes.
    #[serde(with = "units")]
    pub frozen: Cents,
    pub holds: Vec<Hold>,
    /// Totals of today, and of days before that the aggregate may not know.
    pub usage: Vec<Usage>,
    #[serde(skip)]
    pub(crate) ledger: Ledger,
    /// Bytes of kept answers, as they were counted last, and of those that were kept since.
    #[serde(skip)]
    pub(crate) kept_bytes: i64,
    pub name: Option<String>,
    pub email: Option<String>,
    pub card_fingerprint: Option<String>,
    pub verified_email: Option<String>,
    /// No card opens it, and none is claimed.
    pub locked: bool,
    /// Its owner has ended it.
    pub closed: bool,
    /// Its object is nearly as large as one may be: calls that cost something are refused.
    pub is_full: bool,
    /// Logins that wait for the owner, or for their time; counted where the row alone is read.
    pub pending_logins: usize,
    /// The owner's columns.
    pub columns: Row,
    /// Which columns they are: while a new deploy replaces an old one, the two sides of a call may not agree.
    pub layout: u32,
}

impl AccountRow {
    pub(crate) const SELECT: &str = "SELECT account_id, registered_at, revision, sent_revision, balance, frozen, holds, usage, ledger, kept_bytes, name, email, card_fingerprint, verified_email, locked, closed, is_full";

    pub(crate) fn read(row: Row, schema: &Schema) -> Result<Self, SqlError> {
        let mut row = Reader::new(row);
        Ok(Self {
            id: row.account()?,
            registered_at: row.integer()?,
            revision: row.integer()?,
            sent_revision: row.integer()?,
            balance: row.cents()?,
            frozen: row.cents()?,
            holds: stored("users.holds", &row.blob()?)?,
            usage: stored("users.usage", &row.blob()?)?,
            ledger: stored("users.ledger", &row.blob()?)?,
            kept_bytes: row.integer()?,
            name: row.optional_text()?,
            email: row.optional_text()?,
            card_fingerprint: row.optional_text()?,
            verified_email: row.optional_text()?,
            locked: row.integer()? != 0,
            closed: row.integer()? != 0,
            is_full: row.integer()? != 0,
            pending_logins: 0,
            columns: row.rest(),
            layout: schema.layout(),
        })
    }

    /// An account that nobody has paid for: nothing is stored of it.
    pub fn unregistered(id: AccountId, schema: &Schema) -> Self {
        Self {
            id,
            registered_at: 0,
            revision: 0,
            sent_revision: 0,
            balance: Cents::ZERO,
            frozen: Cents::ZERO,
            holds: Vec::new(),
            usage: Vec::new(),
            ledger: Ledger::default(),
            kept_bytes: 0,
            name: None,
            email: None,
            card_fingerprint: None,
            verified_email: None,
            locked: false,
            closed: false,
            is_full: false,
            pending_logins: 0,
            columns: schema.initial_row(),
            layout: schema.layout(),
        }
    }

    /// Takes out what only a token that manages may see.
    pub fn hide_person(&mut self) {
        (self.name, self.email, self.card_fingerprint, self.verified_email) = (None, None, None, None);
        self.pending_logins = 0;
    }

    pub fn is_registered(&self) -> bool {
        self.revision > 0
    }

    pub fn is_unsent(&self) -> bool {
        self.revision > self.sent_revision
    }

    /// When the next hold with a report expires.
    pub fn next_expiry(&self) -> Option<Millis> {
        self.holds.iter().filter(|hold| hold.reported.is_some()).map(|hold| hold.expires_at).min()
    }

    pub(crate) fn usage_value(&self) -> Value {
        store(&self.usage)
    }

    pub(crate) fn ledger_value(&self) -> Value {
        store(&self.ledger)
    }

    pub(crate) fn holds_value(&self) -> Value {
        store(&self.holds)
    }
}
