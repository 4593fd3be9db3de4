/// The wallet's tables, one list of statements per release that changed them. A list never changes once released.
///
/// No table has a rowid: every row is one B-tree entry, so a charged call writes two rows (the account and its entry).
pub(crate) const TABLES: &[&[&str]] = &[&[
    "CREATE TABLE users (
        account_id TEXT PRIMARY KEY,
        registered_at INTEGER NOT NULL,
        updated_at INTEGER NOT NULL DEFAULT 0,
        revision INTEGER NOT NULL DEFAULT 0,
        balance INTEGER NOT NULL DEFAULT 0,
        frozen INTEGER NOT NULL DEFAULT 0,
        holds TEXT NOT NULL DEFAULT '[]',
        name TEXT,
        email TEXT,
        card_fingerprint TEXT,
        verified_email TEXT
    ) WITHOUT ROWID",
    "CREATE TABLE entries (
        key TEXT PRIMARY KEY,
        at INTEGER NOT NULL,
        kind TEXT NOT NULL,
        amount INTEGER NOT NULL,
        balance INTEGER NOT NULL,
        detail TEXT
    ) WITHOUT ROWID",
    "CREATE TABLE payments (
        key TEXT PRIMARY KEY,
        payment_intent TEXT,
        amount INTEGER NOT NULL,
        taken INTEGER NOT NULL DEFAULT 0,
        frozen INTEGER NOT NULL DEFAULT 0
    ) WITHOUT ROWID",
    "CREATE TABLE idempotency (
        key TEXT PRIMARY KEY,
        hold TEXT NOT NULL,
        fingerprint TEXT NOT NULL,
        expires_at INTEGER NOT NULL,
        status INTEGER,
        headers TEXT,
        body TEXT
    ) WITHOUT ROWID",
    "CREATE INDEX idempotency_expires_at ON idempotency (expires_at)",
    "CREATE TABLE reversals (
        key TEXT PRIMARY KEY,
        payment TEXT NOT NULL,
        amount INTEGER NOT NULL,
        withdrawn INTEGER NOT NULL,
        returned INTEGER NOT NULL,
        closed INTEGER NOT NULL,
        takes INTEGER NOT NULL,
        freezes INTEGER NOT NULL
    ) WITHOUT ROWID",
]];
