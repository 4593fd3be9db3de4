//! A made-up disk, and what the audit says of it after each harm.

use std::collections::BTreeSet;
use std::time::{SystemTime, UNIX_EPOCH};

use rusqlite::Connection;
use serde_json::Value;

use super::files::rows;
use super::{Audit, DAY_MS, accounts, across, audit, others};

const DAY: i64 = 20_000;
/// On that day.
const AT: i64 = DAY * DAY_MS + 5;
/// The first place of that moment.
const PLACE: i64 = AT * 1_024;
const NEVER: i64 = i64::MAX;

/// As a run left them, less the constraints that would keep a test from doing harm.
const USERS: &str = "CREATE TABLE users (account_id TEXT, revision INTEGER, sent_revision INTEGER, balance INTEGER,
    frozen INTEGER, holds TEXT, usage TEXT, registered_at INTEGER, ledger TEXT);";
const ACCOUNT: &str = "CREATE TABLE meta (key, value);
    CREATE TABLE outgoing (id TEXT, recipient TEXT, message BLOB);
    CREATE TABLE keyed_entries (place INTEGER PRIMARY KEY, key TEXT, at INTEGER, kind TEXT, amount INTEGER, balance INTEGER,
        detail TEXT, folds INTEGER DEFAULT 0);
    CREATE TABLE entry_groups (place INTEGER PRIMARY KEY, balance INTEGER, heads TEXT, lines TEXT);
    CREATE TABLE entry_sums (day INTEGER, label TEXT, token TEXT, calls INTEGER, amount INTEGER);
    CREATE TABLE payments (key TEXT, payment_intent TEXT, amount INTEGER, taken INTEGER, frozen INTEGER, paid INTEGER,
        to_account TEXT, moved INTEGER DEFAULT 0, reversed_before INTEGER, revision INTEGER DEFAULT 1);
    CREATE TABLE moved_in (payment TEXT, from_account TEXT, moved INTEGER, taken INTEGER, frozen INTEGER);
    CREATE TABLE idempotency (key TEXT, hold TEXT);
    CREATE TABLE answers (hold TEXT, size INTEGER);
    CREATE TABLE tokens (id TEXT, hash TEXT, manage INTEGER, cap_day INTEGER, cap_total INTEGER, spent_day INTEGER,
        spent_total INTEGER, made_by TEXT);
    CREATE TABLE reversals (key TEXT, payment TEXT, amount INTEGER, taken INTEGER, closed INTEGER);
    CREATE TABLE cards (id TEXT, label TEXT, payment TEXT, claim INTEGER, state TEXT);
    CREATE TABLE disowned (payment TEXT);";
const DIRECTORY: &str = "CREATE TABLE meta (key, value);
    CREATE TABLE outgoing (id TEXT, recipient TEXT, message BLOB);
    CREATE TABLE places (payment_intent TEXT, account TEXT);
    CREATE TABLE parked (payment_intent TEXT, at INTEGER, fact TEXT);
    CREATE TABLE owners (identity TEXT, account TEXT, claim INTEGER);";
const AGGREGATE: &str = "CREATE TABLE meta (key, value);
    CREATE TABLE outgoing (id TEXT, recipient TEXT, message BLOB);
    CREATE TABLE all_payments (key TEXT, account_id TEXT, payment_intent TEXT, amount INTEGER, taken INTEGER,
        frozen INTEGER);
    CREATE TABLE all_usage (day INTEGER, route TEXT, account_id TEXT, calls INTEGER, amount INTEGER);
    CREATE TABLE old_usage (day INTEGER, route TEXT);
    CREATE TABLE unclaimed (key TEXT, at INTEGER, reason TEXT, amount INTEGER, currency TEXT, assigned_to TEXT,
        assigned_amount INTEGER, done INTEGER);";

struct Disk(tempfile::TempDir);

impl Disk {
    fn sql(&self, object: &str) -> Connection {
        let sql = Connection::open(self.0.path().join(format!("{object}.sqlite"))).unwrap();
        sql.pragma_update(None, "synchronous", "off").unwrap();
        sql
    }

    fn run(&self, object: &str, statements: &str) {
        // {a} is 64 hexadecimal digits, {1} 32: a session's key and a hold's id, which begins with a time and ends with ~1~.
        let mut statements = statements.to_owned();
        for name in "abcdef".chars() {
            statements = statements.replace(&format!("{{{name}}}"), &name.to_string().repeat(64));
        }
        for name in "0123456789".chars() {
            let end = name.to_string().repeat(20);
            statements = statements.replace(&format!("{{{name}}}"), &format!("{AT:012x}{end}"));
            statements = statements.replace(&format!("~{name}~"), &end);
        }
        self.sql(object).execute_batch(&statements).unwrap_or_else(|error| panic!("{error}: {statements}"));
    }

    fn audit(&self) -> Audit {
        self.store();
        audit(self.0.path()).unwrap()
    }

    /// What wallets store as bytes is written as JSON until then, which is easier to harm.
    fn store(&self) {
        for object in ["ada", "bob", "cyd"] {
            let sql = self.sql(object);
            let read = "SELECT rowid, holds, usage, ledger FROM users WHERE typeof(holds) = 'text'";
            let rows: Vec<(i64, String, String, String)> =
                rows(&sql, read, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))).unwrap();
            for (row, holds, usage, ledger) in rows {
                // Of these there are always three.
                let mut ledger = stored(&ledger, number);
                ledger.remove(1);
                let parameters = (stored(&holds, hold), stored(&usage, total), ledger, row);
                sql.execute("UPDATE users SET holds = ?, usage = ?, ledger = ? WHERE rowid = ?", parameters).unwrap();
            }
        }
    }
}

/// An array as bytes; what a value does not have makes it unreadable.
fn stored(json: &str, write: fn(&Value, &mut Vec<u8>) -> Option<()>) -> Vec<u8> {
    let list = serde_json::from_str::<Value>(json).unwrap();
    let list = list.as_array().unwrap();
    let mut bytes = vec![1];
    count(list.len() as u64, &mut bytes);
    for value in list {
        let _ = write(value, &mut bytes);
    }
    bytes
}

fn count(mut count: u64, bytes: &mut Vec<u8>) {
    while count >= 0x80 {
        bytes.push(count as u8 | 0x80);
        count >>= 7;
    }
    bytes.push(count as u8);
}

fn number(value: &Value, bytes: &mut Vec<u8>) -> Option<()> {
    let number = value.as_i64()?;
    count((number << 1 ^ number >> 63) as u64, bytes);
    Some(())
}

fn text(value: &Value, bytes: &mut Vec<u8>) -> Option<()> {
    let text = value.as_str()?;
    count(text.len() as u64, bytes);
    bytes.extend(text.as_bytes());
    Some(())
}

fn hold(value: &Value, bytes: &mut Vec<u8>) -> Option<()> {
    text(&value["id"], bytes)?;
    number(&value["amount"], bytes)?;
    number(&value["expires_at"], bytes)?;
    // No token.
    bytes.push(0);
    let report = &value["reported"];
    bytes.push((!report.is_null()).into());
    if !report.is_null() {
        number(&report["amount"], bytes)?;
        text(&report["detail"], bytes)?;
    }
    Some(())
}

fn total(value: &Value, bytes: &mut Vec<u8>) -> Option<()> {
    number(&value["day"], bytes)?;
    text(&value["route"], bytes)?;
    count(value["calls"].as_u64()?, bytes);
    number(&value["amount"], bytes)
}

/// Three accounts: one of calls, one of a refund, a dispute, an overdraft and a card, and one whose payment moved to that.
fn good() -> Disk {
    let disk = Disk(tempfile::tempdir().unwrap());
    let at = AT;
    for (object, tables) in [("ada", ACCOUNT), ("bob", ACCOUNT), ("cyd", ACCOUNT), ("aggregate", AGGREGATE)] {
        disk.run(object, &[USERS, tables].concat());
    }
    for object in ["shard", "other_shard"] {
        disk.run(object, DIRECTORY);
    }
    disk.run("stranger", "CREATE TABLE _cf_METADATA (key, value)");
    disk.run("metadata", "CREATE TABLE _cf_ALARM (key, value)");
    disk.run(
        "ada",
        &format!(
            r#"INSERT INTO users VALUES ('ada', 5, 5, 60, 0,
                '[{{"id":"{{3}}","amount":25,"expires_at":{NEVER}}},{{"id":"{{4}}","amount":90,"expires_at":5}}]',
                '[{{"day":{DAY},"route":"GET /ok","calls":2,"amount":40}}]', 1, '[2, {NEVER}, 0]');
                        INSERT INTO keyed_entries (place, key, at, kind, amount, balance, detail) VALUES
                ({PLACE}, 'credit:{{a}}', {at}, 'credit', 100, 100, 'pi_a');
            INSERT INTO entry_groups VALUES ({PLACE} + 1, 60, '[["capture","GET /ok","first"]]',
                '[["~1~",20,0,0,0],["~2~",20,0,0,0]]');
            INSERT INTO payments (key, payment_intent, amount, taken, frozen, paid) VALUES ('{{a}}', 'pi_a', 100, 0, 0, 120);
            INSERT INTO idempotency VALUES ('answered', '{{1}}'), ('gone', '{{2}}'), ('running', '{{3}}');
            INSERT INTO answers VALUES ('{{1}}', 300);"#
        ),
    );
    disk.run(
        "bob",
        &format!(
            "INSERT INTO users VALUES ('bob', 9, 9, 40, 10, '[]', '[]', 2, '[0, {NEVER}, 0]');
            INSERT INTO keyed_entries (key, at, kind, amount, balance, detail) VALUES
                ('credit:{{b}}', {at}, 'credit', 100, 100, 'pi_b'),
                ('refund:re_1:70', {at}, 'refund', -70, 30, 'pi_b'),
                ('refund:re_1:0', {at}, 'refund', 70, 100, 'pi_b'),
                ('refund:re_2:50', {at}, 'refund', -50, 50, 'pi_b'),
                ('credit:{{c}}', {at}, 'credit', 10, 60, 'pi_c'),
                ('charge:key', {at}, 'charge', -70, -10, 'X-Price'),
                ('credit:{{1}}{{1}}', {at}, 'credit', 30, 20, 'pi_h'),
                ('moved:in:{{0}}{{0}}', {at}, 'moved', 25, 45, 'cyd'),
                ('moved:in:{{0}}{{0}}:8', {at}, 'moved', -5, 40, 'cyd');
            INSERT INTO moved_in VALUES ('{{0}}{{0}}', 'cyd', 25, 5, 0);
            INSERT INTO cards VALUES ('card', 'visa', '{{b}}', 3, 'owned');
            INSERT INTO payments (key, payment_intent, amount, taken, frozen, paid) VALUES ('{{b}}', 'pi_b', 100, 50, 0, 100), ('{{c}}', 'pi_c', 10, 0, 10, 10),
                ('{{1}}{{1}}', 'pi_h', 30, 0, 0, 30);
            INSERT INTO reversals VALUES
                ('refund:re_1', '{{b}}', 70, 0, 1),
                ('refund:re_2', '{{b}}', 50, 50, 0),
                ('dispute:dp_1', '{{c}}', 15, 0, 0);
            INSERT INTO tokens (id, hash, manage, cap_day, cap_total, spent_day, spent_total) VALUES ('first', NULL, 1, NULL, NULL, 0, 0), ('t1', '{{a}}', 1, NULL, NULL, 0, 0),
                ('t2', '{{b}}', 0, 30, NULL, 10, 70);"
        ),
    );
    disk.run(
        "cyd",
        &format!(
            "INSERT INTO users VALUES ('cyd', 7, 7, 15, 10, '[]', '[]', 3, '[0, {NEVER}, 0]');
            INSERT INTO keyed_entries (key, at, kind, amount, balance, detail) VALUES ('credit:{{0}}{{0}}', {at}, 'credit', 40, 40, 'pi_g'),
                ('moved:{{0}}{{0}}', {at}, 'moved', -25, 15, 'bob');
            INSERT INTO payments VALUES ('{{0}}{{0}}', 'pi_g', 40, 5, 10, 40, 'bob', 25, 10, 8);
            INSERT INTO reversals VALUES ('dispute:dp_2', '{{0}}{{0}}', 10, 0, 0),
                ('refund:re_3', '{{0}}{{0}}', 5, 5, 1);
            INSERT INTO disowned VALUES ('{{0}}{{0}}');"
        ),
    );
    disk.run(
        "shard",
        "INSERT INTO places VALUES ('pi_a', 'ada'), ('pi_b', 'bob'); INSERT INTO owners VALUES ('card', 'bob', 3)",
    );
    disk.run(
        "other_shard",
        "INSERT INTO places VALUES ('pi_c', 'bob'), ('pi_g', 'cyd'), ('pi_h', 'bob'); INSERT INTO parked VALUES ('pi_x', 1, x'01000472655f78')",
    );
    disk.run(
        "aggregate",
        &format!(
            "INSERT INTO users VALUES ('ada', 5, 0, 60, 0, '[]', '[]', 1, ''),
                ('bob', 9, 0, 40, 10, '[]', '[]', 2, ''), ('cyd', 7, 0, 15, 10, '[]', '[]', 3, '');
            INSERT INTO all_payments VALUES ('{{a}}', 'ada', 'pi_a', 100, 0, 0), ('{{b}}', 'bob', 'pi_b', 100, 50, 0),
                ('{{c}}', 'bob', 'pi_c', 10, 0, 10), ('{{0}}{{0}}', 'cyd', 'pi_g', 40, 5, 10),
                ('{{1}}{{1}}', 'bob', 'pi_h', 30, 0, 0);
            INSERT INTO all_usage VALUES ({DAY}, 'GET /ok', 'ada', 2, 40), ({DAY}, 'X-Price', 'bob', 1, 70);
            INSERT INTO unclaimed VALUES ('{{d}}', 1, 'it names no account', 5, 'usd', NULL, NULL, 0),
                ('{{c}}', 1, 'it names no account', 10, 'usd', 'bob', 10, 1);"
        ),
    );
    disk
}

#[test]
fn a_good_disk_passes_and_is_counted() {
    let audit = good().audit();
    assert!(audit.is_clean(), "{audit}");
    assert_eq!((audit.accounts.len(), audit.empty, audit.shards, audit.aggregates), (3, 1, 2, 1));
    assert_eq!((audit.places, audit.parked.len(), audit.unclaimed.len()), (5, 1, 1));
    let (ada, bob) = (&audit.accounts["ada"], &audit.accounts["bob"]);
    assert_eq!((ada.balance, ada.credited, ada.charged, ada.count("capture")), (60, 100, 40, 2));
    assert_eq!(ada.keys, BTreeSet::from(["answered".to_owned()]));
    assert_eq!((ada.open.values().sum::<i64>(), ada.expired), (25, 1));
    assert_eq!((bob.balance, bob.credited, bob.charged, bob.taken, bob.frozen), (40, 140, 70, 50, 10));

    let disk = good();
    disk.run("aggregate", "UPDATE all_usage SET route = 'others' WHERE account_id = 'bob'");
    assert!(disk.audit().is_clean(), "of too many names the rest are one");
    assert_eq!((bob.moved, audit.accounts["cyd"].moved), (20, -25));
    assert_eq!(bob.cards, BTreeSet::from(["visa".to_owned()]));
    let table = audit.to_string();
    assert!(table.contains("credits"), "{table}");
    assert!(table.contains("0.028"), "280 ten-thousandths of a cent were credited:\n{table}");
}

#[test]
fn a_file_that_is_no_database_is_a_violation() {
    let disk = good();
    std::fs::write(disk.0.path().join("garbage.sqlite"), [b'x'; 4_096]).unwrap();
    assert_eq!(disk.audit().violations.len(), 1);
}

/// Each is one test: what is done to which object, and what the audit then says.
macro_rules! violations {
    ($($name:ident: $object:literal, $harm:expr => $says:literal;)*) => {$(
        #[test]
        fn $name() {
            let disk = good();
            disk.run($object, $harm);
            let audit = disk.audit();
            assert!(audit.violations.iter().any(|it| it.what.contains($says)), "{audit}");
        }
    )*};
}

violations! {
    a_balance_that_is_not_the_sum: "ada", "UPDATE users SET balance = 61" => "its entries sum up to 60";
    an_entry_that_is_gone: "ada", "UPDATE entry_groups SET lines = json_remove(lines, '$[0]')" => "sum up to 80";
    a_line_that_is_gone_from_its_group: "ada", "UPDATE entry_groups SET lines = json_remove(lines, '$[0]');
        UPDATE users SET balance = 80; UPDATE entry_groups SET balance = 80" => "its row says 2";
    a_line_that_costs_more: "ada", "UPDATE entry_groups SET lines = json_set(lines, '$[1][1]', 21)" => "no history";
    a_group_that_says_another_balance: "ada", "UPDATE entry_groups SET balance = 61" => "no history";
    a_group_that_is_gone: "ada", "DELETE FROM entry_groups" => "they end with 100, and it is 60";
    a_line_of_no_head: "ada", "UPDATE entry_groups SET lines = json_set(lines, '$[1][4]', 1)" => "cannot be read";
    a_line_where_nobody_looks_for_it: "ada", "UPDATE entry_groups SET lines = json_set(lines, '$[1][2]', -1)" =>
        "nobody looks";
    an_entry_past_the_last: "ada", "UPDATE users SET ledger = '[2, 5, 0]'" => "and the last entry at 5";
    two_entries_at_one_place: "ada", "UPDATE entry_groups SET place = place - 1" => "two entries lie at";
    more_lines_than_the_row_counts: "ada", "UPDATE users SET ledger = replace(ledger, '[2,', '[1,')" => "its row says 1";
    a_line_of_a_time_that_is_folded: "ada", "UPDATE users SET ledger = replace(ledger, ' 0]', ' 9007199254740991]')" =>
        "its time is folded";
    a_ledger_that_cannot_be_read: "ada", "UPDATE users SET ledger = '[2]'" => "its ledger cannot be read";
    an_entry_there_twice: "ada", "INSERT INTO entry_groups SELECT place + 1, balance, heads, lines FROM entry_groups" =>
        "has two entries";
    a_capture_that_names_no_hold: "ada", "UPDATE entry_groups SET lines = replace(lines, '~1~', 'x')" => "no key of a capture";
    a_credit_without_its_hash: "ada", "UPDATE keyed_entries SET key = 'credit:cs_1' WHERE kind = 'credit'" =>
        "no key of a credit";
    a_charge_without_a_name: "bob", "UPDATE keyed_entries SET key = 'charge:' WHERE kind = 'charge'" => "no key of a charge";
    a_refund_without_an_id: "bob", "UPDATE keyed_entries SET key = 'refund::0' WHERE key = 'refund:re_1:0'" =>
        "no key of a refund";
    an_entry_of_no_kind: "ada", "UPDATE entry_groups SET heads = replace(heads, 'capture', 'gift')" => "no key of a gift";
    a_capture_that_gives: "ada", "UPDATE entry_groups SET lines = json_set(lines, '$[0][1]', -20)" => "is of 20";
    a_credit_that_takes: "ada", "UPDATE keyed_entries SET amount = -1 WHERE kind = 'credit'" => "is of -1";
    a_running_balance_that_was_never: "ada", "UPDATE keyed_entries SET balance = 101" => "it was 101, not 100";
    a_credit_without_a_payment: "ada", "DELETE FROM payments" => "has no payment";
    a_payment_without_a_credit: "ada", "INSERT INTO payments (key, payment_intent, amount, taken, frozen, paid) VALUES ('{e}', 'pi_e', 5, 0, 0, 5)" => "has no credit";
    a_payment_there_twice: "ada", "INSERT INTO payments SELECT * FROM payments" => "two payments have one key";
    a_payment_of_another_amount: "ada", "UPDATE payments SET amount = 99" => "and its payment differ";
    a_payment_of_another_intent: "ada", "UPDATE payments SET payment_intent = 'pi_z'" => "and its payment differ";
    frozen_that_is_not_the_sum: "bob", "UPDATE users SET frozen = 9" => "9 is frozen, and 10";
    more_taken_than_was_paid: "bob", "UPDATE payments SET taken = 101 WHERE key = '{b}'" => "101 are taken and 0 frozen";
    taken_and_frozen_more_than_was_paid: "bob", "UPDATE payments SET frozen = 60 WHERE key = '{b}'" =>
        "50 are taken and 60 frozen";
    less_than_nothing_taken: "bob", "UPDATE payments SET taken = -1 WHERE key = '{c}'" => "-1 are taken";
    taken_that_no_reversal_takes: "bob", "UPDATE payments SET taken = 49 WHERE key = '{b}'" => "its reversals take 50";
    frozen_that_no_reversal_freezes: "bob", "UPDATE payments SET frozen = 9 WHERE key = '{c}'" =>
        "its reversals freeze 10";
    entries_of_reversals_that_do_not_fit: "bob", "UPDATE keyed_entries SET amount = 69 WHERE key = 'refund:re_1:0'" =>
        "its entries sum up to -51";
    a_reversal_that_takes_more_than_it_is_about: "bob", "UPDATE reversals SET taken = 71 WHERE key = 'refund:re_1'" =>
        "is about 70 and takes 71";
    a_reversal_of_no_payment: "bob", "UPDATE reversals SET payment = '{f}' WHERE key = 'refund:re_1'" =>
        "about a payment that is not here";
    an_entry_of_no_reversal: "bob", "DELETE FROM reversals WHERE key = 'refund:re_1'" => "reversal that is not here";
    a_hold_that_is_captured: "ada", "UPDATE users SET holds = replace(holds, '{3}', '{1}')" => "is held and captured";
    a_hold_of_nothing: "ada", "UPDATE users SET holds = replace(holds, '25', '0')" => "is of 0";
    a_hold_there_twice: "ada", "UPDATE users SET holds = replace(holds, '{4}', '{3}')" => "is there twice";
    a_stream_that_reported_more_than_is_held: "ada", "UPDATE users SET holds = replace(holds, '\"amount\":25',
        '\"amount\":25,\"reported\":{\"amount\":26,\"detail\":\"GET /\"}')" => "Some(26) are reported";
    a_report_that_cannot_be_read: "ada", "UPDATE users SET holds = replace(holds, '\"amount\":25',
        '\"amount\":25,\"reported\":5')" => "its holds cannot be read";
    more_reported_by_dead_streams_than_there_is: "ada", "UPDATE users SET holds = replace(holds, '\"amount\":90',
        '\"amount\":90,\"reported\":{\"amount\":36,\"detail\":\"GET /\"}')" => "61 are held of a balance of 60";
    a_hold_without_an_id: "ada", "UPDATE users SET holds = replace(holds, '{3}', '3')" => "no id of a hold";
    more_held_than_there_is: "ada", "UPDATE users SET holds = replace(holds, '25', '61')" => "held of a balance of 60";
    holds_without_end: "ada", "UPDATE users SET holds = (WITH RECURSIVE n(i) AS
        (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 257) SELECT json_group_array(json_object(
        'id', printf('%032x', i), 'amount', 1, 'expires_at', 5)) FROM n)" => "it has 257 holds";
    holds_that_cannot_be_read: "ada", "UPDATE users SET holds = '[{}]'" => "its holds cannot be read";
    a_key_answered_before_its_capture: "ada", "INSERT INTO answers VALUES ('{3}', 300)" => "answered and its hold open";
    a_key_answered_and_not_charged: "ada", "UPDATE idempotency SET hold = '{8}' WHERE key = 'answered';
        UPDATE answers SET hold = '{8}'" => "answered and not charged for";
    answers_past_their_budget: "ada", "UPDATE answers SET size = 4194305" => "4194305 bytes of answers are kept";
    a_token_without_a_hash: "bob", "UPDATE tokens SET hash = 'secret' WHERE id = 't1'" => "has no hash but secret";
    a_secret_of_two_tokens: "bob", "UPDATE tokens SET hash = '{a}'" => "another one's secret";
    a_token_that_ended_by_halves: "bob", "UPDATE tokens SET hash = NULL" => "t1 has ended and is still there";
    a_capped_token_that_manages: "bob", "UPDATE tokens SET manage = 1" => "a cap that is none";
    a_cap_of_nothing: "bob", "UPDATE tokens SET cap_day = 0 WHERE id = 't2'" => "a cap that is none";
    more_spent_than_a_cap: "bob", "UPDATE tokens SET spent_day = 31 WHERE id = 't2'" => "has spent 31 of its 30";
    more_spent_today_than_ever: "bob", "UPDATE tokens SET spent_day = 71 WHERE id = 't2'" => "has spent 71 of 70";
    a_token_that_counts_for_nothing: "bob", "UPDATE tokens SET spent_total = 1 WHERE id = 't1'" => "has spent 0 of 1";
    a_token_that_spent_what_nobody_paid: "bob", "UPDATE tokens SET spent_total = 71 WHERE id = 't2'" =>
        "spent 71 of 70 charged";
    tokens_without_end: "bob", "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100)
        INSERT INTO tokens (id, hash, manage, cap_day, cap_total, spent_day, spent_total) SELECT i, printf('%064x', i), 0, NULL, NULL, 0, 0 FROM n" => "it has 103 tokens";
    a_closing_that_gives: "ada", "INSERT INTO keyed_entries (key, at, kind, amount, balance) VALUES ('close:k', 1, 'close', 1, 61)" => "is of 1";
    a_closing_that_takes: "ada", "INSERT INTO keyed_entries (key, at, kind, amount, balance) VALUES ('close:k', 1, 'close', -1, 59)" => "is of -1";
    a_handover_that_takes: "bob", "INSERT INTO keyed_entries (key, at, kind, amount, balance, detail) VALUES ('handover:from:k', 1, 'handover', -1, 39, 'ada why')" => "is of -1";
    a_handover_from_nowhere: "bob", "INSERT INTO keyed_entries (key, at, kind, amount, balance, detail) VALUES ('handover:from:k', 1, 'handover', 1, 41, 'ada why')" =>
        "ada does not say it handed over";
    an_amount_past_the_bound: "ada", "UPDATE users SET balance = 9007199254740992" => "past 2^53";
    a_usage_that_is_not_what_was_charged: "ada", "UPDATE users SET usage = replace(usage, '40', '41')" =>
        "its usage of";
    an_object_of_two_accounts: "ada", "INSERT INTO users SELECT 'eve', 5, 5, 60, 0, '[]', '[]', 1, ledger FROM users" => "has 2 accounts";
    an_object_of_no_account: "ada", "DELETE FROM users" => "cannot be read";
    an_object_of_no_role: "stranger", "CREATE TABLE meta (key, value)" => "neither account nor directory shard";
    an_account_in_two_objects: "bob", "UPDATE users SET account_id = 'ada'" => "lives in two objects";
    a_payment_of_two_accounts: "bob", "UPDATE payments SET key = '{a}' WHERE key = '{c}';
        UPDATE keyed_entries SET key = 'credit:{a}' WHERE key = 'credit:{c}'" => "credited to two accounts";
    an_intent_of_two_payments: "bob", "UPDATE payments SET payment_intent = 'pi_a' WHERE key = '{c}'" =>
        "paid for two credits";
    a_payment_placed_elsewhere: "shard", "UPDATE places SET account = 'bob'" => "the directory has pi_a at bob";
    a_payment_placed_twice: "other_shard", "INSERT INTO places VALUES ('pi_a', 'ada')" => "is placed twice";
    money_assigned_to_one_and_credited_to_another: "aggregate", "UPDATE unclaimed SET assigned_to = 'ada'
        WHERE key = '{c}'" => "is assigned to ada and credited to bob";
    money_assigned_and_credited_otherwise: "aggregate", "UPDATE unclaimed SET assigned_amount = 9
        WHERE key = '{c}'" => "is assigned as";
    an_aggregate_that_forgot: "aggregate", "UPDATE users SET revision = 4" => "was told revision 5 of 5 and has 4";
    an_aggregate_of_another_balance: "aggregate", "UPDATE users SET balance = 61 WHERE account_id = 'ada'" =>
        "another balance";
    an_aggregate_of_other_payments: "aggregate", "DELETE FROM all_payments" => "other payments";
    captures_folded_too_early: "ada", &format!("INSERT INTO entry_sums VALUES ({}, 'GET /ok', 'first', 1, -20)", today() - 2) =>
        "folded too early";
    a_fold_of_nothing: "ada", "INSERT INTO entry_sums VALUES (20000, 'GET /ok', 'first', 0, -20)" => "is of 0 calls";
    a_fold_that_gives: "ada", "INSERT INTO entry_sums VALUES (20000, 'GET /ok', 'first', 1, 20)" => "is of 20";
    a_fold_that_loses_calls: "ada", "DELETE FROM entry_groups; INSERT INTO entry_sums VALUES (20000, 'GET /ok', '', 1, -40)" =>
        "its usage of";
    a_fold_that_loses_money: "ada", "DELETE FROM entry_groups; INSERT INTO entry_sums VALUES (20000, 'GET /ok', '', 2, -20)" =>
        "sum up to 80";
    an_aggregate_of_another_usage: "aggregate", "UPDATE all_usage SET calls = 3" => "another usage";
    a_payment_that_moved_without_leaving: "cyd", "DELETE FROM keyed_entries WHERE kind = 'moved'" => "25 moved, and its entries";
    a_payment_that_grew_on_its_way: "bob", "UPDATE moved_in SET moved = 26" => "moved here less 5";
    a_payment_that_arrived_otherwise: "cyd", "UPDATE payments SET moved = 24" => "24 moved";
    a_payment_that_moved_from_nowhere: "ada", "INSERT INTO moved_in VALUES ('{e}', 'bob', 0, 0, 0)" => "does not say so";
    an_entry_of_no_move: "ada", "INSERT INTO keyed_entries (key, at, kind, amount, balance) VALUES ('moved:{e}', 1, 'moved', -1, 59)" =>
        "a payment that never moved";
    a_move_without_a_key: "bob", "UPDATE keyed_entries SET key = 'moved:x' WHERE amount = 25" => "no key of a moved";
    more_taken_than_moved: "bob", "UPDATE moved_in SET taken = 26" => "26 are taken";
    a_card_of_no_state: "bob", "UPDATE cards SET state = 'lent'" => "is lent";
    a_card_by_a_disowned_payment: "bob", "INSERT INTO disowned VALUES ('{b}')" => "that was disowned";
    a_card_of_two_shards: "other_shard", "INSERT INTO owners VALUES ('card', 'ada', 1)" => "of two shards";
    a_reversal_that_waits_for_a_payment_that_is_there: "shard", "INSERT INTO parked VALUES ('pi_a', 1, x'01000472655f78')" => "a reversal waits";
    a_reversal_that_cannot_be_read: "shard", "INSERT INTO parked VALUES ('pi_z', 1, x'01')" => "cannot be read";
    a_second_aggregate: "third", &[USERS, AGGREGATE].concat() => "second aggregate";
}

#[test]
fn columns_are_mirrored_and_unique_ones_are_of_one_account() {
    let disk = good();
    for object in ["ada", "bob", "cyd", "aggregate"] {
        let unique = if object == "aggregate" { "" } else { "UNIQUE" };
        let add = format!("ALTER TABLE users ADD handle TEXT; CREATE {unique} INDEX users_handle ON users (handle)");
        disk.run(object, &add);
    }
    let set = |object: &str, id: &str, handle: &str| {
        disk.run(object, &format!("UPDATE users SET handle = '{handle}' WHERE account_id = '{id}'"));
        disk.run("aggregate", &format!("UPDATE users SET handle = '{handle}' WHERE account_id = '{id}'"));
    };
    set("ada", "ada", "x");
    set("bob", "bob", "y");
    let audit = disk.audit();
    assert!(audit.is_clean(), "{audit}");
    set("bob", "bob", "x");
    let audit = disk.audit();
    assert!(audit.violations.iter().any(|it| it.what == "its handle 'x' is that of ada, too"), "{audit}");
    disk.run("aggregate", "UPDATE users SET handle = NULL");
    let audit = disk.audit();
    assert!(audit.violations.iter().any(|it| it.what == "the aggregate has other columns"), "{audit}");
}

fn today() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64 / DAY_MS
}

#[test]
fn a_folded_day_is_as_good_as_its_captures() {
    let disk = good();
    disk.run(
        "ada",
        &format!(
            "DELETE FROM entry_groups; DELETE FROM idempotency; DELETE FROM answers;
            INSERT INTO entry_sums VALUES ({DAY}, 'GET /ok', 'first', 2, -40);
            INSERT INTO entry_groups VALUES ({0} * 1024, 40, '[[\"capture\",\"GET /ok\",null]]', '[[\"~7~\",20,9,0,0]]');
            INSERT INTO keyed_entries VALUES ({0} * 1024 + 1, 'credit:{{e}}', {0}, 'credit', 20, 60, 'pi_e', 0);
            UPDATE users SET ledger = '[1, {NEVER}, ' || ({0} * 1024) || ']';
            INSERT INTO payments (key, payment_intent, amount, taken, frozen, paid) VALUES ('{{e}}', 'pi_e', 20, 0, 0, 20);",
            (DAY + 1) * DAY_MS
        ),
    );
    disk.run("shard", "INSERT INTO places VALUES ('pi_e', 'ada')");
    disk.run("aggregate", "INSERT INTO all_payments VALUES ('{e}', 'ada', 'pi_e', 20, 0, 0)");
    disk.run("aggregate", &format!("INSERT INTO all_usage VALUES ({}, 'GET /ok', 'ada', 1, 20)", DAY + 1));
    let audit = disk.audit();
    assert!(audit.is_clean(), "{audit}");
}

#[test]
fn what_is_under_way_is_unfinished_and_no_violation() {
    for (object, harm, says) in [
        ("shard", "DELETE FROM places WHERE payment_intent = 'pi_a'", "the directory does not know pi_a"),
        ("shard", "INSERT INTO places VALUES ('pi_y', 'ada')", "which nobody credited"),
        ("ada", "UPDATE users SET revision = 6", "has revision 5 of 6"),
        ("aggregate", "UPDATE unclaimed SET key = '{a}' WHERE key = '{d}'", "credited and unclaimed"),
        ("aggregate", "UPDATE unclaimed SET assigned_to = 'ada' WHERE key = '{d}'", "assigned and not credited"),
        ("aggregate", "UPDATE unclaimed SET done = 0 WHERE key = '{c}'", "not yet done with"),
        ("aggregate", "INSERT INTO users VALUES ('eve', 1, 0, 0, 0, '[]', '[]', 1, '')", "no object is it"),
        (
            "shard",
            "INSERT INTO outgoing VALUES ('disown:s', 'user-ada', x'01')",
            "user-ada has yet to hear of disown:s",
        ),
        ("aggregate", "INSERT INTO outgoing VALUES ('place:s', 'directory-1', x'01')", "has yet to hear of place:s"),
        ("bob", "UPDATE cards SET state = 'claiming'", "visa is claiming still"),
        ("bob", "UPDATE cards SET claim = 2", "the directory has it at bob"),
        ("shard", "DELETE FROM owners", "the directory has it at nobody"),
        (
            "ada",
            "INSERT INTO keyed_entries (place, key, at, kind, amount, balance, detail) VALUES (1728000000006 * 1024, 'handover:to:k', 1728000000006, 'handover', -10, 50, 'bob why');
            UPDATE users SET balance = 50, revision = 6",
            "bob has yet to take what k handed over",
        ),
        ("shard", "INSERT INTO owners VALUES ('other', 'ada', 1)", "and it is not"),
        (
            "ada",
            "UPDATE users SET holds = replace(holds, '\"amount\":90',
                '\"amount\":90,\"reported\":{\"amount\":35,\"detail\":\"GET /\"}')",
            "is over and not charged",
        ),
    ] {
        let disk = good();
        disk.run(object, harm);
        let audit = disk.audit();
        assert!(audit.unfinished.iter().any(|it| it.what.contains(says)), "{says}: {audit}");
        assert!(audit.violations.is_empty(), "{says}: {audit}");
    }
}

#[test]
fn an_aggregate_that_begins_to_exist_meanwhile_is_read() {
    let disk = good();
    disk.store();
    let folder = disk.0.path();
    let (aggregate, elsewhere) = (folder.join("aggregate.sqlite"), folder.join("aggregate.later"));
    std::fs::rename(&aggregate, &elsewhere).unwrap();
    let mut audit = Audit::default();
    let accounts = accounts(folder, &mut audit).unwrap();
    std::fs::rename(&elsewhere, &aggregate).unwrap();
    let (places, aggregate) = others(folder, &mut audit).unwrap();
    across(&accounts, &places, &aggregate, &mut audit);
    assert!(audit.is_clean() && audit.aggregates == 1, "{audit}");
}

#[test]
fn what_was_being_written_when_the_worker_was_killed_is_rolled_back() {
    let (disk, killed) = (good(), good());
    let writing = disk.sql("ada");
    // More than fits the cache, so that some of it is in the file already.
    writing
        .execute_batch(
            "PRAGMA cache_size = 1; BEGIN; UPDATE keyed_entries SET amount = 7; CREATE TABLE more AS WITH RECURSIVE
             n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000) SELECT i, hex(randomblob(500)) FROM n;",
        )
        .unwrap();
    for file in ["ada.sqlite", "ada.sqlite-journal"] {
        std::fs::copy(disk.0.path().join(file), killed.0.path().join(file)).unwrap();
    }
    let audit = killed.audit();
    assert!(audit.is_clean(), "{audit}");
}
