CREATE TABLE outgoing (
        id TEXT PRIMARY KEY,
        recipient TEXT NOT NULL,
        message BLOB NOT NULL,
        failures INTEGER NOT NULL DEFAULT 0,
        tried_at INTEGER NOT NULL DEFAULT 0,
        next_at INTEGER NOT NULL DEFAULT 0
    ) WITHOUT ROWID;
CREATE TABLE places (payment_intent TEXT PRIMARY KEY, account TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE parked (
        payment_intent TEXT NOT NULL,
        at INTEGER NOT NULL,
        fact BLOB NOT NULL,
        PRIMARY KEY (payment_intent, fact)
    ) WITHOUT ROWID;
CREATE TABLE notes (name TEXT PRIMARY KEY, at INTEGER NOT NULL, text TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE guesses (source TEXT PRIMARY KEY, wrong INTEGER NOT NULL, since INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE owners (identity TEXT PRIMARY KEY, account TEXT NOT NULL, claim INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE released (
        identity TEXT NOT NULL,
        account TEXT NOT NULL,
        claim INTEGER NOT NULL,
        at INTEGER NOT NULL,
        PRIMARY KEY (identity, account)
    ) WITHOUT ROWID;
CREATE INDEX released_at ON released (at);
CREATE TABLE sessions (
        session TEXT PRIMARY KEY,
        kept_until INTEGER NOT NULL,
        first_mark TEXT,
        other_mark TEXT,
        asked_at INTEGER NOT NULL DEFAULT 0,
        account TEXT,
        mark TEXT,
        to_account TEXT
    ) WITHOUT ROWID;
CREATE INDEX sessions_kept_until ON sessions (kept_until);
CREATE TABLE unique_values (key TEXT PRIMARY KEY, account TEXT NOT NULL, at INTEGER NOT NULL) WITHOUT ROWID;
