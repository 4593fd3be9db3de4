//! What the macros, the runtime and the tool of [stripeflare](https://docs.rs/stripeflare) agree on: of columns their
//! model, the SQL of every version, and the lock file; of wrangler's configuration how it is read; what a label is. No part of the interface: use `stripeflare`.

mod dump;
#[cfg(feature = "lock")]
pub mod lock;
mod model;
mod sql;
mod text;
#[cfg(feature = "wrangler")]
pub mod wrangler;

pub use dump::Dump;
pub use dump::DumpError;
pub use dump::SECTION;
pub use dump::dump;
pub use dump::dump_length;
pub use dump::read_dump;
pub use model::ColumnDef;
pub use model::ColumnType;
pub use model::DefaultValue;
pub use model::Dropped;
pub use model::IndexDef;
pub use model::Schema;
pub use model::Shown;
pub use model::Step;
pub use model::USERS;
pub use sql::Present;
pub use sql::quoted;
pub use text::is_invisible;
pub use text::is_label;

/// Names that no column of an application may have: the columns of the wallet's table `users`, and what `/me` calls its
/// own facts. Folded to lowercase.
pub const RESERVED_NAMES: &[&str] = &[
    "access_token",
    "account_id",
    "balance",
    "card_fingerprint",
    "client_reference_id",
    "currency",
    "email",
    "frozen",
    "holds",
    "id",
    "is_full",
    "name",
    "paymentlink",
    "kept_bytes",
    "ledger",
    "recent_updates",
    "registered",
    "registered_at",
    "revision",
    "sent_revision",
    "tokens",
    "updated_at",
    "usage",
    "verified_email",
    "locked",
    "closed",
    "version",
];

/// Names that no table of an application may have: those of an account. Tables that later releases add begin with
/// [`RESERVED_PREFIX`].
pub const RESERVED_TABLES: &[&str] = &[
    "answers",
    "cards",
    "disowned",
    "entries",
    "entry_groups",
    "entry_sums",
    "grouped_entries",
    "idempotency",
    "keyed_entries",
    "logins",
    "meta",
    "moved_in",
    "operations",
    "outgoing",
    "payments",
    "reversals",
    "tokens",
    "users",
];

/// Begins no name of an application's table.
pub const RESERVED_PREFIX: &str = "wallet_";
