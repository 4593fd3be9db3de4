CREATE TABLE users (
        account_id TEXT PRIMARY KEY,
        registered_at INTEGER NOT NULL,
        updated_at INTEGER NOT NULL DEFAULT 0,
        revision INTEGER NOT NULL DEFAULT 0,
        sent_revision INTEGER NOT NULL DEFAULT 0,
        balance INTEGER NOT NULL DEFAULT 0,
        frozen INTEGER NOT NULL DEFAULT 0,
        holds BLOB NOT NULL DEFAULT x'0100',
        usage BLOB NOT NULL DEFAULT x'0100',
        ledger BLOB NOT NULL DEFAULT x'01000000',
        kept_bytes INTEGER NOT NULL DEFAULT 0,
        name TEXT,
        email TEXT,
        card_fingerprint TEXT,
        verified_email TEXT,
        locked INTEGER NOT NULL DEFAULT 0,
        closed INTEGER NOT NULL DEFAULT 0,
        is_full INTEGER NOT NULL DEFAULT 0,
        recent_updates TEXT NOT NULL DEFAULT '[]'
    ) WITHOUT ROWID;
CREATE TABLE outgoing (
        id TEXT PRIMARY KEY,
        recipient TEXT NOT NULL,
        message BLOB NOT NULL,
        failures INTEGER NOT NULL DEFAULT 0,
        tried_at INTEGER NOT NULL DEFAULT 0,
        next_at INTEGER NOT NULL DEFAULT 0
    ) WITHOUT ROWID;
CREATE TABLE all_payments (
        key TEXT PRIMARY KEY,
        account_id TEXT NOT NULL,
        payment_intent TEXT,
        amount INTEGER NOT NULL,
        taken INTEGER NOT NULL,
        frozen INTEGER NOT NULL,
        open INTEGER NOT NULL DEFAULT 0,
        asked_at INTEGER NOT NULL DEFAULT 0,
        at INTEGER NOT NULL,
        revision INTEGER NOT NULL,
        payer_name TEXT,
        payer_email TEXT,
        to_account TEXT,
        moved INTEGER NOT NULL DEFAULT 0
    ) WITHOUT ROWID;
CREATE TABLE again (what TEXT PRIMARY KEY, failures INTEGER NOT NULL, next_at INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE all_usage (
        day INTEGER NOT NULL,
        route TEXT NOT NULL,
        account_id TEXT NOT NULL,
        calls INTEGER NOT NULL,
        amount INTEGER NOT NULL,
        PRIMARY KEY (day, route, account_id)
    ) WITHOUT ROWID;
CREATE TABLE old_usage (
        day INTEGER NOT NULL,
        route TEXT NOT NULL,
        calls INTEGER NOT NULL,
        amount INTEGER NOT NULL,
        PRIMARY KEY (day, route)
    ) WITHOUT ROWID;
CREATE TABLE unclaimed (
        key TEXT PRIMARY KEY,
        at INTEGER NOT NULL,
        reason TEXT NOT NULL,
        amount INTEGER NOT NULL,
        currency TEXT NOT NULL,
        client_reference_id TEXT,
        payment_intent TEXT,
        payment_link TEXT,
        assigned_to TEXT,
        assigned_amount INTEGER,
        assigned_at INTEGER,
        done INTEGER NOT NULL DEFAULT 0,
        went_back INTEGER NOT NULL DEFAULT 0,
        judged_at INTEGER NOT NULL DEFAULT 0
    ) WITHOUT ROWID;
CREATE TABLE unclaimed_reversals (
        key TEXT PRIMARY KEY,
        payment_intent TEXT NOT NULL,
        fact BLOB NOT NULL
    ) WITHOUT ROWID;
