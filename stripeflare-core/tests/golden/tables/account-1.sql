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
CREATE TABLE keyed_entries (
        key TEXT PRIMARY KEY,
        place INTEGER NOT NULL,
        at INTEGER NOT NULL,
        kind TEXT NOT NULL,
        amount INTEGER NOT NULL,
        balance INTEGER NOT NULL,
        detail TEXT,
        token TEXT,
        folds INTEGER NOT NULL
    ) WITHOUT ROWID;
CREATE INDEX keyed_entries_place ON keyed_entries (folds, place);
CREATE TABLE entry_groups (
        place INTEGER PRIMARY KEY,
        balance INTEGER NOT NULL,
        heads TEXT NOT NULL,
        lines TEXT NOT NULL
    );
CREATE TABLE entry_sums (
        day INTEGER NOT NULL,
        label TEXT NOT NULL,
        token TEXT NOT NULL,
        calls INTEGER NOT NULL,
        amount INTEGER NOT NULL,
        PRIMARY KEY (day, label, token)
    ) WITHOUT ROWID;
CREATE VIEW grouped_entries (place, number, key, at, kind, amount, detail, token) AS SELECT place, line.key,
        IIF(heads ->> ('$[' || (value ->> 4) || '][0]') = 'charge', 'charge:', '') ||
            printf('%012x', place / 1024 - (value ->> 2)) || (value ->> 0),
        place / 1024 - (value ->> 3), heads ->> ('$[' || (value ->> 4) || '][0]'), -(value ->> 1),
        heads ->> ('$[' || (value ->> 4) || '][1]'), heads ->> ('$[' || (value ->> 4) || '][2]')
        FROM entry_groups, json_each(lines) AS line;
CREATE VIEW entries (key, at, kind, amount, balance, detail, token, calls, place, number) AS
        SELECT key, at, kind, amount, balance, detail, token, IIF(kind = 'charge', 1, NULL), place, 0 FROM keyed_entries
        UNION ALL SELECT key, at, kind, amount, balance - COALESCE(SUM(amount) OVER (PARTITION BY place ORDER BY number
            ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING), 0), detail, token, 1, place, number
            FROM grouped_entries JOIN entry_groups USING (place)
        UNION ALL SELECT 'fold:' || day || ':' || label || ':' || token, day * 86400000, 'fold', amount, NULL, label,
            NULLIF(token, ''), calls, day * 86400000 * 1024, -1 FROM entry_sums;
CREATE TABLE tokens (
        id TEXT PRIMARY KEY,
        hash TEXT,
        old_hash TEXT,
        old_until INTEGER,
        label TEXT NOT NULL,
        manage INTEGER NOT NULL,
        login INTEGER NOT NULL,
        made_by TEXT,
        cap_day INTEGER,
        cap_total INTEGER,
        spent_day_date INTEGER NOT NULL DEFAULT 0,
        spent_day INTEGER NOT NULL DEFAULT 0,
        spent_total INTEGER NOT NULL DEFAULT 0,
        created_at INTEGER NOT NULL,
        last_used_day INTEGER,
        expires_at INTEGER
    ) WITHOUT ROWID;
CREATE TABLE payments (
        key TEXT PRIMARY KEY,
        payment_intent TEXT,
        amount INTEGER NOT NULL,
        paid INTEGER NOT NULL,
        taken INTEGER NOT NULL DEFAULT 0,
        frozen INTEGER NOT NULL DEFAULT 0,
        at INTEGER NOT NULL,
        revision INTEGER NOT NULL,
        payer_name TEXT,
        payer_email TEXT,
        home INTEGER NOT NULL DEFAULT 0,
        shows_at INTEGER,
        to_account TEXT,
        moved INTEGER NOT NULL DEFAULT 0,
        reversed_before INTEGER
    ) WITHOUT ROWID;
CREATE TABLE moved_in (
        payment TEXT PRIMARY KEY,
        from_account TEXT NOT NULL,
        moved INTEGER NOT NULL,
        taken INTEGER NOT NULL,
        frozen INTEGER NOT NULL,
        revision INTEGER NOT NULL
    ) WITHOUT ROWID;
CREATE TABLE logins (
        payment TEXT PRIMARY KEY,
        from_account TEXT NOT NULL,
        card TEXT NOT NULL,
        claim INTEGER NOT NULL,
        state TEXT NOT NULL,
        at INTEGER NOT NULL,
        matures_at INTEGER NOT NULL,
        expires_at INTEGER NOT NULL,
        approved_by TEXT,
        token TEXT
    ) WITHOUT ROWID;
CREATE TABLE idempotency (
        key TEXT PRIMARY KEY,
        hold TEXT NOT NULL,
        fingerprint TEXT NOT NULL,
        expires_at INTEGER NOT NULL
    ) WITHOUT ROWID;
CREATE INDEX idempotency_expires_at ON idempotency (expires_at);
CREATE TABLE answers (
        hold TEXT PRIMARY KEY,
        size INTEGER NOT NULL,
        status INTEGER NOT NULL,
        headers TEXT NOT NULL,
        body BLOB NOT NULL
    ) WITHOUT ROWID;
CREATE TABLE reversals (
        key TEXT PRIMARY KEY,
        payment TEXT NOT NULL,
        amount INTEGER NOT NULL,
        taken INTEGER NOT NULL,
        closed INTEGER NOT NULL,
        moves INTEGER NOT NULL,
        at INTEGER NOT NULL
    ) WITHOUT ROWID;
CREATE TABLE cards (
        id TEXT PRIMARY KEY,
        identity TEXT NOT NULL,
        label TEXT NOT NULL,
        token TEXT NOT NULL,
        payment TEXT NOT NULL,
        claim INTEGER NOT NULL,
        state TEXT NOT NULL,
        at INTEGER NOT NULL,
        shows_at INTEGER NOT NULL,
        failures INTEGER NOT NULL DEFAULT 0,
        next_at INTEGER NOT NULL DEFAULT 0
    ) WITHOUT ROWID;
CREATE TABLE operations (
        id TEXT PRIMARY KEY,
        expires_at INTEGER NOT NULL,
        asked TEXT NOT NULL,
        result BLOB NOT NULL
    ) WITHOUT ROWID;
CREATE INDEX operations_expires_at ON operations (expires_at) WHERE id > 'key:';
CREATE TABLE disowned (payment TEXT PRIMARY KEY) WITHOUT ROWID;
