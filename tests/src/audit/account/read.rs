//! How the file of an account is read.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, Row};

use super::{Account, Card, Columns, Entry, Hold, IdempotencyKey, Ledger, Move, MovedIn, Payment, Reversal, Token};
use crate::audit::DAY_MS;
use crate::audit::files::rows;
use crate::stored::Stored;

impl Payment {
    /// From `key, payment_intent, amount, taken, frozen`.
    pub(in crate::audit) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            key: row.get(0)?,
            payment_intent: row.get(1)?,
            amount: row.get(2)?,
            taken: row.get(3)?,
            frozen: row.get(4)?,
        })
    }
}

fn hold(stored: &mut Stored<'_>) -> Option<Hold> {
    let (id, amount, expires_at) = (stored.text()?, stored.number()?, stored.number()?);
    let _token = stored.optional(|token| Some((token.text()?, token.count()?)))?;
    let report = stored.optional(|report| Some((report.number()?, report.text()?)))?;
    Some(Hold { id, amount, expires_at, reported: report.map(|(amount, _)| amount) })
}

fn usage(stored: &mut Stored<'_>) -> Option<((i64, String), (i64, i64))> {
    Some(((stored.number()?, stored.text()?), (stored.count()?.try_into().ok()?, stored.number()?)))
}

fn ledger(stored: &mut Stored<'_>) -> Option<Ledger> {
    Some(Ledger { lines: stored.number()?, last: stored.number()?, folded: stored.number()? })
}

/// The entries of one row that has several, and the balance after the last of them.
fn group(place: i64, balance: i64, heads: &str, lines: &str) -> Option<Vec<Entry>> {
    let moment = place / 1_024;
    let heads: Vec<(String, String, Option<String>)> = serde_json::from_str(heads).ok()?;
    let lines: Vec<(String, i64, i64, i64, usize)> = serde_json::from_str(lines).ok()?;
    let mut after = balance.checked_add(lines.iter().map(|line| line.1).sum())?;
    let entries = lines.into_iter().map(|(end, cost, began, charged, head)| {
        let (kind, label, _) = heads.get(head)?.clone();
        let prefix = if kind == "charge" { "charge:" } else { "" };
        after -= cost;
        Some(Entry {
            key: format!("{prefix}{:012x}{end}", moment - began),
            place,
            at: moment - charged,
            kind,
            amount: -cost,
            balance: Some(after),
            detail: Some(label),
            calls: 1,
            folds: true,
        })
    });
    entries.collect()
}

/// The application's columns of each row.
pub(in crate::audit) fn columns(sql: &Connection) -> rusqlite::Result<BTreeMap<String, Columns>> {
    const WALLETS: [&str; 19] = [
        "account_id",
        "registered_at",
        "updated_at",
        "revision",
        "sent_revision",
        "balance",
        "frozen",
        "holds",
        "usage",
        "name",
        "email",
        "card_fingerprint",
        "verified_email",
        "locked",
        "closed",
        "kept_bytes",
        "ledger",
        "is_full",
        "recent_updates",
    ];
    let names: Vec<String> = rows(sql, "SELECT name FROM pragma_table_info('users')", |row| row.get(0))?;
    let names: Vec<String> = names.into_iter().filter(|name| !WALLETS.contains(&name.as_str())).collect();
    let list: String = names.iter().map(|name| format!(", quote(\"{name}\")")).collect();
    let read = |row: &Row<'_>| {
        let value = |(place, name): (usize, &String)| Ok((name.clone(), row.get(place + 1)?));
        Ok((row.get(0)?, names.iter().enumerate().map(value).collect::<rusqlite::Result<_>>()?))
    };
    Ok(rows(sql, &format!("SELECT account_id{list} FROM users"), read)?.into_iter().collect())
}

impl Account {
    /// The account, and what of it could not be read.
    pub(in crate::audit) fn read(sql: &Connection) -> rusqlite::Result<(Self, Vec<String>)> {
        let mut unreadable = Vec::new();
        let select = "SELECT account_id, balance, frozen, revision, sent_revision, holds, usage, ledger FROM users";
        let users = rows(sql, select, |row| {
            let (holds, counted): (Vec<u8>, Vec<u8>) = (row.get(5)?, row.get(6)?);
            let holds = Stored::whole(&holds, |stored| stored.list(hold));
            let counted = Stored::whole(&counted, |stored| stored.list(usage));
            let ledger = Stored::whole(&row.get::<_, Vec<u8>>(7)?, ledger);
            for (what, wrong) in
                [("holds", holds.is_none()), ("usage", counted.is_none()), ("ledger", ledger.is_none())]
            {
                if wrong {
                    unreadable.push(format!("its {what} cannot be read"));
                }
            }
            Ok(Self {
                id: row.get(0)?,
                balance: row.get(1)?,
                frozen: row.get(2)?,
                revision: row.get(3)?,
                sent_revision: row.get(4)?,
                holds: holds.unwrap_or_default(),
                usage: counted.unwrap_or_default().into_iter().collect(),
                entries: Vec::new(),
                ledger: ledger.unwrap_or(Ledger { lines: 0, last: i64::MAX, folded: 0 }),
                payments: Vec::new(),
                paid: BTreeMap::new(),
                reversals: Vec::new(),
                moves: Vec::new(),
                moved_in: Vec::new(),
                keys: Vec::new(),
                kept: 0,
                cards: Vec::new(),
                disowned: BTreeSet::new(),
                tokens: Vec::new(),
                columns: Columns::new(),
                unique: BTreeSet::new(),
            })
        })?;
        if users.len() != 1 {
            unreadable.push(format!("an account's object has {} accounts", users.len()));
        }
        let mut account = users.into_iter().next().ok_or(rusqlite::Error::QueryReturnedNoRows)?;
        let select = "SELECT key, place, at, kind, amount, balance, detail, folds FROM keyed_entries";
        account.entries = rows(sql, select, |row| {
            let kind: String = row.get(3)?;
            Ok(Entry {
                key: row.get(0)?,
                place: row.get(1)?,
                at: row.get(2)?,
                calls: i64::from(kind == "charge"),
                kind,
                amount: row.get(4)?,
                balance: Some(row.get(5)?),
                detail: row.get(6)?,
                folds: row.get(7)?,
            })
        })?;
        let select = "SELECT place, balance, heads, lines FROM entry_groups";
        for group in rows(sql, select, |row| {
            let (heads, lines): (String, String) = (row.get(2)?, row.get(3)?);
            Ok(group(row.get(0)?, row.get(1)?, &heads, &lines).ok_or(row.get::<_, i64>(0)?))
        })? {
            match group {
                Ok(entries) => account.entries.extend(entries),
                Err(place) => unreadable.push(format!("its entries of {place} cannot be read")),
            }
        }
        account.entries.extend(rows(sql, "SELECT day, label, token, calls, amount FROM entry_sums", |row| {
            let (day, label, token): (i64, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
            Ok(Entry {
                key: format!("fold:{day}:{label}:{token}"),
                place: day * DAY_MS * 1_024,
                at: day * DAY_MS,
                kind: "fold".into(),
                amount: row.get(4)?,
                balance: None,
                detail: Some(label),
                calls: row.get(3)?,
                folds: false,
            })
        })?);
        account.entries.sort_by_key(|entry| entry.place);
        account.payments = rows(sql, "SELECT key, payment_intent, amount, taken, frozen FROM payments", Payment::read)?;
        let paid = rows(sql, "SELECT key, paid FROM payments", |row| Ok((row.get(0)?, row.get(1)?)))?;
        account.paid = paid.into_iter().collect();
        let select = "SELECT key, to_account, moved, COALESCE(reversed_before, 0),
            NOT EXISTS (SELECT 1 FROM outgoing WHERE id = 'moved:' || key) FROM payments WHERE to_account IS NOT NULL";
        account.moves = rows(sql, select, |row| {
            Ok(Move {
                payment: row.get(0)?,
                to: row.get(1)?,
                moved: row.get(2)?,
                before: row.get(3)?,
                told: row.get(4)?,
            })
        })?;
        account.moved_in = rows(sql, "SELECT payment, from_account, moved, taken, frozen FROM moved_in", |row| {
            Ok(MovedIn { payment: row.get(0)?, from: row.get(1)?, figures: (row.get(2)?, row.get(3)?, row.get(4)?) })
        })?;
        let select = "SELECT key, payment, amount, taken, closed FROM reversals";
        account.reversals = rows(sql, select, |row| {
            Ok(Reversal {
                key: row.get(0)?,
                payment: row.get(1)?,
                amount: row.get(2)?,
                taken: row.get(3)?,
                closed: row.get(4)?,
            })
        })?;
        let select = "SELECT key, hold, hold IN (SELECT hold FROM answers) FROM idempotency";
        account.keys = rows(sql, select, |row| {
            // Behind the caller's key stands its token.
            let key: String = row.get(0)?;
            let key = key.rsplit_once(' ').map_or(key.as_str(), |(key, _)| key).to_owned();
            Ok(IdempotencyKey { key, hold: row.get(1)?, answered: row.get(2)? })
        })?;
        let kept: Vec<i64> = rows(sql, "SELECT COALESCE(SUM(size), 0) FROM answers", |row| row.get(0))?;
        account.kept = kept.into_iter().sum();
        account.cards = rows(sql, "SELECT id, label, payment, claim, state FROM cards", |row| {
            Ok(Card {
                id: row.get(0)?,
                label: row.get(1)?,
                payment: row.get(2)?,
                claim: row.get(3)?,
                state: row.get(4)?,
            })
        })?;
        account.disowned = rows(sql, "SELECT payment FROM disowned", |row| row.get(0))?.into_iter().collect();
        let select = "SELECT id, hash, manage, cap_day, cap_total, spent_day, spent_total, made_by FROM tokens";
        account.tokens = rows(sql, select, |row| {
            Ok(Token {
                id: row.get(0)?,
                hash: row.get(1)?,
                manage: row.get(2)?,
                caps: [row.get(3)?, row.get(4)?],
                spent_day: row.get(5)?,
                spent_total: row.get(6)?,
                made_by: row.get(7)?,
            })
        })?;
        account.columns = columns(sql)?.remove(&account.id).unwrap_or_default();
        let select = "SELECT info.name FROM pragma_index_list('users') list, pragma_index_info(list.name) info
            WHERE list.\"unique\" AND list.origin = 'c'";
        account.unique = rows(sql, select, |row| row.get(0))?.into_iter().collect();
        Ok((account, unreadable))
    }
}
