//! The ledger audit: reads the SQLite files of every object of a disk and checks the Money rules that data can show.
//!
//! It shares no code with the wallet. Each file is read in one transaction, read-only, so a running worker is not
//! disturbed; but two files may show two moments. What looks wrong for that reason alone is *unfinished*, not a
//! violation. Once the worker is at rest nothing may be unfinished either.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use rusqlite::{Connection, OpenFlags, Row};
use serde_json::Value;

/// The largest amount, in ten-thousandths of a cent.
const MAX_UNITS: i64 = (1 << 53) - 1;
/// Open holds an account may have.
const MAX_HOLDS: usize = 256;
/// Tokens an account may have.
const MAX_TOKENS: usize = 100;
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// What was found. Amounts are in ten-thousandths of a cent.
#[derive(Clone, Debug, Default)]
pub struct Audit {
    /// Objects that were asked, and that nobody paid for.
    pub empty: usize,
    /// Registered accounts, by id.
    pub accounts: BTreeMap<String, Figures>,
    /// Directory shards.
    pub shards: usize,
    /// At most one.
    pub aggregates: usize,
    /// Payments that the directory knows.
    pub places: usize,
    /// Reversals that wait for their payment: the payment and the fact.
    pub parked: Vec<(String, String)>,
    /// Money that was credited to nobody: amount in the currency's smallest unit, currency and reason.
    pub unclaimed: Vec<(i64, String, String)>,
    /// What must not be, at any moment.
    pub violations: Vec<Finding>,
    /// What must not be at rest.
    pub unfinished: Vec<Finding>,
}

/// One account in figures.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// As its row says.
    pub balance: i64,
    /// As its row says.
    pub frozen: i64,
    /// Sum of its credits.
    pub credited: i64,
    /// Sum of its captures and charges, as a positive number.
    pub charged: i64,
    /// Sum of what refunds and disputes took, less what they gave back.
    pub taken: i64,
    /// Sum of what came from accounts that went into it, less what went on to the one it went into.
    pub moved: i64,
    /// The account that it went into.
    pub merged_into: Option<String>,
    /// Labels of the cards it owns.
    pub cards: BTreeSet<String>,
    /// Entries of each kind.
    pub entries: BTreeMap<String, usize>,
    /// Keys of its captures: the ids of their holds.
    pub captured: BTreeSet<String>,
    /// Idempotency keys that are answered and charged for.
    pub keys: BTreeSet<String>,
    /// PaymentIntents of its payments.
    pub payment_intents: BTreeSet<String>,
    /// Refunds and disputes it was told of, as `refund:re_…`.
    pub reversals: BTreeSet<String>,
    /// Holds whose time is not over, and their amounts.
    pub open: BTreeMap<String, i64>,
    /// What streams have reported of those.
    pub reported: BTreeMap<String, i64>,
    /// Holds whose time is over, not cleaned up yet.
    pub expired: usize,
}

impl Figures {
    /// Entries of a kind.
    #[must_use]
    pub fn count(&self, kind: &str) -> usize {
        self.entries.get(kind).copied().unwrap_or_default()
    }
}

/// Something wrong, and where.
#[derive(Clone, Debug)]
pub struct Finding {
    /// An account's id, or a file.
    pub place: String,
    /// What is wrong there.
    pub what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.what)
    }
}

impl Audit {
    /// Whether every rule holds, and nothing is under way.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.violations.is_empty() && self.unfinished.is_empty()
    }

    fn sum(&self, of: impl Fn(&Figures) -> i64) -> String {
        cents(self.accounts.values().map(|account| i128::from(of(account))).sum())
    }

    fn total(&self, of: impl Fn(&Figures) -> usize) -> usize {
        self.accounts.values().map(of).sum()
    }

    fn violation(&mut self, place: &str, what: impl Into<String>) {
        self.violations.push(Finding { place: place.to_owned(), what: what.into() });
    }

    fn unfinished(&mut self, place: &str, what: impl Into<String>) {
        self.unfinished.push(Finding { place: place.to_owned(), what: what.into() });
    }
}

/// Units as cents, with what decimals there are.
fn cents(units: i128) -> String {
    let sign = if units < 0 { "-" } else { "" };
    let text = format!("{sign}{}.{:04}", units.unsigned_abs() / 10_000, units.unsigned_abs() % 10_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

impl fmt::Display for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = |kind: &str| self.total(|account| account.count(kind));
        let entries = self.total(|account| account.entries.values().sum());
        let mut line = |name: &str, count: usize, sum: String| writeln!(f, "{name:<22}{count:>10}{sum:>22}");
        line("accounts", self.accounts.len(), self.sum(|account| account.balance))?;
        line("  never paid for", self.empty, String::new())?;
        line("  merged", self.total(|account| usize::from(account.merged_into.is_some())), String::new())?;
        line(
            "entries",
            entries,
            self.sum(|account| account.credited - account.charged - account.taken + account.moved),
        )?;
        line("  credits", kind("credit"), self.sum(|account| account.credited))?;
        line("  captures, charges", kind("capture") + kind("charge"), self.sum(|account| -account.charged))?;
        line("  refunds, disputes", kind("refund") + kind("dispute"), self.sum(|account| -account.taken))?;
        line("  transfers", kind("transfer"), self.sum(|account| account.moved))?;
        line("cards", self.total(|account| account.cards.len()), String::new())?;
        line("frozen", self.total(|account| usize::from(account.frozen != 0)), self.sum(|account| account.frozen))?;
        line("holds, open", self.total(|account| account.open.len()), self.sum(|account| account.open.values().sum()))?;
        line("holds, expired", self.total(|account| account.expired), String::new())?;
        line("directory shards", self.shards, String::new())?;
        line("  places", self.places, String::new())?;
        line("  parked", self.parked.len(), String::new())?;
        line("aggregates", self.aggregates, String::new())?;
        line("  unclaimed", self.unclaimed.len(), String::new())?;
        line("unfinished", self.unfinished.len(), String::new())?;
        line("violations", self.violations.len(), String::new())?;
        for (payment_intent, fact) in &self.parked {
            writeln!(f, "parked for {payment_intent}: {fact}")?;
        }
        for (amount, currency, reason) in &self.unclaimed {
            writeln!(f, "unclaimed {amount} {currency}: {reason}")?;
        }
        for finding in &self.unfinished {
            writeln!(f, "unfinished: {finding}")?;
        }
        for finding in &self.violations {
            writeln!(f, "VIOLATION: {finding}")?;
        }
        Ok(())
    }
}

/// Audits all objects below a folder.
///
/// # Errors
/// When the folder cannot be read. A file that cannot be read is a violation.
pub fn audit(folder: &Path) -> Result<Audit> {
    let mut audit = Audit::default();
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis() as i64;
    let mut objects = Vec::new();
    for file in files(folder)? {
        let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        match open(&file) {
            Ok((sql, role)) => objects.push((role, name, sql)),
            Err(error) => audit.violation(&name, format!("cannot be read: {error:#}")),
        }
    }
    // What accounts have told others is looked for at a later moment than they told it.
    objects.sort_by_key(|(role, ..)| *role);
    let (mut accounts, mut places, mut aggregate) = (BTreeMap::new(), Places::default(), Aggregate::default());
    for (role, name, sql) in objects {
        let read = match role {
            Role::Empty => {
                audit.empty += 1;
                Ok(())
            }
            Role::Account => {
                sql.unchecked_transaction().and_then(|sql| Account::read(&sql)).map(|(account, unreadable)| {
                    for what in unreadable {
                        audit.violation(&account.id, what);
                    }
                    account.check(now, &mut audit);
                    if let Some(twin) = accounts.insert(account.id.clone(), account) {
                        audit.violation(&twin.id, "lives in two objects");
                    }
                })
            }
            Role::Directory => {
                audit.shards += 1;
                sql.unchecked_transaction().and_then(|sql| places.read(&sql, &mut audit))
            }
            Role::Aggregate => {
                audit.aggregates += 1;
                if audit.aggregates > 1 {
                    audit.violation(&name, "is a second aggregate");
                }
                sql.unchecked_transaction().and_then(|sql| aggregate.read(&sql, &mut audit))
            }
        };
        if let Err(error) = read {
            audit.violation(&name, format!("cannot be read: {error}"));
        }
    }
    across(&accounts, &places, &aggregate, &mut audit);
    Ok(audit)
}

/// Audits again and again until nothing is unfinished or so much time is over, and answers the last one.
///
/// # Errors
/// As [`audit`].
pub async fn audit_at_rest(folder: &Path, most: Duration) -> Result<Audit> {
    let begun = std::time::Instant::now();
    loop {
        let found = audit(folder)?;
        if found.unfinished.is_empty() || begun.elapsed() > most {
            return Ok(found);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// The objects' files below a folder; the runtime keeps alarms in `metadata.sqlite`.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path)?);
        } else if path.extension().is_some_and(|it| it == "sqlite") && !path.ends_with("metadata.sqlite") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Role {
    Empty,
    Account,
    Directory,
    Aggregate,
}

fn open(file: &Path) -> Result<(Connection, Role)> {
    let sql = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    sql.busy_timeout(Duration::from_secs(5))?;
    let tables: Vec<String> = rows(&sql, "SELECT name FROM sqlite_master WHERE type = 'table'", |row| row.get(0))?;
    let has = |name: &str| tables.iter().any(|table| table == name);
    let role = match (has("entries"), has("places"), has("all_payments")) {
        (true, false, false) => Role::Account,
        (false, true, false) => Role::Directory,
        (false, false, true) => Role::Aggregate,
        (false, false, false) if tables.iter().all(|table| table.starts_with("_cf_")) => Role::Empty,
        _ => anyhow::bail!("it is neither account nor directory shard nor aggregate: {tables:?}"),
    };
    let integrity: String = sql.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
    anyhow::ensure!(integrity == "ok", "{integrity}");
    Ok((sql, role))
}

fn rows<T>(
    sql: &Connection,
    select: &str,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<T>> {
    sql.prepare(select)?.query_map([], read)?.collect()
}

/// An account as it is stored.
struct Account {
    id: String,
    balance: i64,
    frozen: i64,
    revision: i64,
    sent_revision: i64,
    registered_at: i64,
    merged_into: Option<String>,
    holds: Vec<Hold>,
    usage: Usage,
    entries: Vec<Entry>,
    payments: Vec<Payment>,
    reversals: Vec<Reversal>,
    keys: Vec<IdempotencyKey>,
    transfers: Vec<Transfer>,
    cards: Vec<Card>,
    /// Payments whose claims are gone.
    disowned: BTreeSet<String>,
    /// What it has yet to tell the account that it went into.
    untold: usize,
    tokens: Vec<Token>,
    columns: Columns,
    /// Those columns of which no two accounts have one value.
    unique: BTreeSet<String>,
}

/// The columns of the application, as SQL spells their values.
type Columns = BTreeMap<String, String>;

/// Calls and their cost by day and route.
type Usage = BTreeMap<(i64, String), (i64, i64)>;

struct Hold {
    id: String,
    amount: i64,
    expires_at: i64,
    /// What a stream has cost so far: its expiry charges that.
    reported: Option<i64>,
}

impl Hold {
    /// What of the balance is not to be spent by others.
    fn claims(&self, now: i64) -> i64 {
        if self.expires_at > now { self.amount } else { self.reported.unwrap_or_default() }
    }
}

struct Entry {
    key: String,
    at: i64,
    kind: String,
    amount: i64,
    balance: i64,
    detail: Option<String>,
}

#[derive(Clone, PartialEq)]
struct Payment {
    key: String,
    payment_intent: Option<String>,
    amount: i64,
    taken: i64,
    frozen: i64,
}

struct Reversal {
    key: String,
    payment: String,
    amount: i64,
    withdrawn: bool,
    returned: i64,
    closed: bool,
    takes: i64,
    freezes: i64,
}

struct IdempotencyKey {
    key: String,
    hold: String,
    answered: bool,
    /// The answer says that it cost nothing.
    free: bool,
}

struct Transfer {
    n: i64,
    amount: i64,
    arrived: bool,
}

struct Card {
    id: String,
    label: String,
    payment: String,
    claim: i64,
    state: String,
}

struct Token {
    id: String,
    hash: Option<String>,
    manage: bool,
    /// Per day and in all.
    caps: [Option<i64>; 2],
    spent_day: i64,
    spent_total: i64,
}

impl Payment {
    /// From `key, payment_intent, amount, taken, frozen`.
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            key: row.get(0)?,
            payment_intent: row.get(1)?,
            amount: row.get(2)?,
            taken: row.get(3)?,
            frozen: row.get(4)?,
        })
    }
}

/// An array of JSON objects, read one by one; `None` where one is not as it should be.
fn list<T>(text: &str, read: impl Fn(&Value) -> Option<T>) -> Option<Vec<T>> {
    serde_json::from_str::<Value>(text).ok()?.as_array()?.iter().map(read).collect()
}

fn hold(value: &Value) -> Option<Hold> {
    let number = |field: &str| value[field].as_i64();
    let reported = match &value["reported"] {
        Value::Null => None,
        report => {
            report["detail"].as_str()?;
            Some(report["amount"].as_i64()?)
        }
    };
    let id = value["id"].as_str()?.to_owned();
    Some(Hold { id, amount: number("amount")?, expires_at: number("expires_at")?, reported })
}

fn usage(value: &Value) -> Option<((i64, String), (i64, i64))> {
    let number = |field: &str| value[field].as_i64();
    Some(((number("day")?, value["route"].as_str()?.to_owned()), (number("calls")?, number("amount")?)))
}

/// The application's columns of each row.
fn columns(sql: &Connection) -> rusqlite::Result<BTreeMap<String, Columns>> {
    const WALLETS: [&str; 15] = [
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
        "merged_into",
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
    fn read(sql: &Connection) -> rusqlite::Result<(Self, Vec<String>)> {
        let mut unreadable = Vec::new();
        let select = "SELECT account_id, balance, frozen, revision, sent_revision, holds, usage,
            registered_at, merged_into FROM users";
        let users = rows(sql, select, |row| {
            let (holds, counted): (String, String) = (row.get(5)?, row.get(6)?);
            let holds = list(&holds, hold);
            let counted = list(&counted, usage);
            for (what, wrong) in [("holds", holds.is_none()), ("usage", counted.is_none())] {
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
                registered_at: row.get(7)?,
                merged_into: row.get(8)?,
                holds: holds.unwrap_or_default(),
                usage: counted.unwrap_or_default().into_iter().collect(),
                entries: Vec::new(),
                payments: Vec::new(),
                reversals: Vec::new(),
                keys: Vec::new(),
                transfers: Vec::new(),
                cards: Vec::new(),
                disowned: BTreeSet::new(),
                untold: 0,
                tokens: Vec::new(),
                columns: Columns::new(),
                unique: BTreeSet::new(),
            })
        })?;
        if users.len() != 1 {
            unreadable.push(format!("an account's object has {} accounts", users.len()));
        }
        let mut account = users.into_iter().next().ok_or(rusqlite::Error::QueryReturnedNoRows)?;
        account.entries = rows(sql, "SELECT key, at, kind, amount, balance, detail FROM entries", |row| {
            Ok(Entry {
                key: row.get(0)?,
                at: row.get(1)?,
                kind: row.get(2)?,
                amount: row.get(3)?,
                balance: row.get(4)?,
                detail: row.get(5)?,
            })
        })?;
        account.payments = rows(sql, "SELECT key, payment_intent, amount, taken, frozen FROM payments", Payment::read)?;
        let select = "SELECT key, payment, amount, withdrawn, returned, closed, takes, freezes FROM reversals";
        account.reversals = rows(sql, select, |row| {
            Ok(Reversal {
                key: row.get(0)?,
                payment: row.get(1)?,
                amount: row.get(2)?,
                withdrawn: row.get(3)?,
                returned: row.get(4)?,
                closed: row.get(5)?,
                takes: row.get(6)?,
                freezes: row.get(7)?,
            })
        })?;
        let select = "SELECT key, hold, status IS NOT NULL, headers FROM idempotency";
        account.keys = rows(sql, select, |row| {
            let headers = row.get::<_, Option<String>>(3)?.unwrap_or_default();
            let free = list(&headers, |header| Some(header[0] == "x-price" && header[1] == "0"));
            let free = free.unwrap_or_default().contains(&true);
            // Behind the caller's key stands its token.
            let key: String = row.get(0)?;
            let key = key.rsplit_once(' ').map_or(key.as_str(), |(key, _)| key).to_owned();
            Ok(IdempotencyKey { key, hold: row.get(1)?, answered: row.get(2)?, free })
        })?;
        account.transfers = rows(sql, "SELECT n, amount, arrived FROM transfers", |row| {
            Ok(Transfer { n: row.get(0)?, amount: row.get(1)?, arrived: row.get(2)? })
        })?;
        account.cards = rows(sql, "SELECT id, label, payment, claim, state FROM cards", |row| {
            Ok(Card {
                id: row.get(0)?,
                label: row.get(1)?,
                payment: row.get(2)?,
                claim: row.get(3)?,
                state: row.get(4)?,
            })
        })?;
        let disowned: Vec<(String, bool)> =
            rows(sql, "SELECT payment, told FROM disowned", |row| Ok((row.get(0)?, row.get(1)?)))?;
        account.untold = disowned.iter().filter(|(_, told)| !told).count();
        account.disowned = disowned.into_iter().map(|(payment, _)| payment).collect();
        let select = "SELECT id, hash, manage, cap_day, cap_total, spent_day, spent_total FROM tokens";
        account.tokens = rows(sql, select, |row| {
            Ok(Token {
                id: row.get(0)?,
                hash: row.get(1)?,
                manage: row.get(2)?,
                caps: [row.get(3)?, row.get(4)?],
                spent_day: row.get(5)?,
                spent_total: row.get(6)?,
            })
        })?;
        account.columns = columns(sql)?.remove(&account.id).unwrap_or_default();
        let select = "SELECT info.name FROM pragma_index_list('users') list, pragma_index_info(list.name) info
            WHERE list.\"unique\" AND list.origin = 'c'";
        account.unique = rows(sql, select, |row| row.get(0))?.into_iter().collect();
        Ok((account, unreadable))
    }

    /// What its own file can show.
    fn check(&self, now: i64, audit: &mut Audit) {
        let mut wrong = Vec::new();
        self.check_bounds(&mut wrong);
        self.check_entries(&mut wrong);
        self.check_payments(&mut wrong);
        self.check_holds(now, &mut wrong);
        self.check_usage(&mut wrong);
        self.check_transfers(&mut wrong);
        self.check_cards(&mut wrong);
        self.check_rest(now, audit);
        self.check_tokens(&mut wrong);
        for what in wrong {
            audit.violation(&self.id, what);
        }
        for hold in self.holds.iter().filter(|hold| hold.expires_at <= now && hold.reported.is_some()) {
            audit.unfinished(&self.id, format!("the stream of the hold {} is over and not charged", hold.id));
        }
        audit.accounts.insert(self.id.clone(), self.figures(now));
    }

    fn figures(&self, now: i64) -> Figures {
        let mut figures = Figures { balance: self.balance, frozen: self.frozen, ..Figures::default() };
        for entry in &self.entries {
            *figures.entries.entry(entry.kind.clone()).or_default() += 1;
            match entry.kind.as_str() {
                "credit" => figures.credited = figures.credited.saturating_add(entry.amount),
                "refund" | "dispute" => figures.taken = figures.taken.saturating_sub(entry.amount),
                "transfer" => figures.moved = figures.moved.saturating_add(entry.amount),
                _ => figures.charged = figures.charged.saturating_sub(entry.amount),
            }
            if entry.kind == "capture" {
                figures.captured.insert(entry.key.clone());
            }
        }
        let charged = self.keys.iter().filter(|key| key.answered && figures.captured.contains(&key.hold));
        figures.keys = charged.map(|key| key.key.clone()).collect();
        figures.payment_intents = self.payments.iter().filter_map(|payment| payment.payment_intent.clone()).collect();
        figures.reversals = self.reversals.iter().map(|reversal| reversal.key.clone()).collect();
        let (open, expired): (Vec<_>, Vec<_>) = self.holds.iter().partition(|hold| hold.expires_at > now);
        figures.open = open.iter().map(|hold| (hold.id.clone(), hold.amount)).collect();
        figures.reported = open.iter().filter_map(|hold| Some((hold.id.clone(), hold.reported?))).collect();
        figures.expired = expired.len();
        figures.merged_into.clone_from(&self.merged_into);
        let owned = self.cards.iter().filter(|card| card.state == "owned");
        figures.cards = owned.map(|card| card.label.clone()).collect();
        figures
    }

    fn check_bounds(&self, wrong: &mut Vec<String>) {
        let users = [("balance", self.balance), ("frozen", self.frozen)].into_iter();
        let holds = self.holds.iter().map(|hold| ("a hold", hold.amount));
        let entries = self.entries.iter().flat_map(|entry| [("an entry", entry.amount), ("an entry", entry.balance)]);
        let payments = self.payments.iter().map(|payment| ("a payment", payment.amount));
        let reversals = self.reversals.iter().flat_map(|it| [("a reversal", it.amount), ("a reversal", it.returned)]);
        for (what, amount) in users.chain(holds).chain(entries).chain(payments).chain(reversals) {
            if amount.unsigned_abs() > MAX_UNITS.unsigned_abs() {
                wrong.push(format!("{what} is past 2^53: {amount}"));
            }
        }
    }

    fn check_entries(&self, wrong: &mut Vec<String>) {
        let sum: i128 = self.entries.iter().map(|entry| i128::from(entry.amount)).sum();
        if sum != i128::from(self.balance) {
            wrong.push(format!("its balance is {} and its entries sum up to {sum}", self.balance));
        }
        let mut seen = BTreeSet::new();
        for entry in &self.entries {
            let Entry { key, kind, amount, .. } = entry;
            if !seen.insert(key) {
                wrong.push(format!("the key {key} has two entries"));
            }
            if !is_key(kind, key) {
                wrong.push(format!("{key} is no key of a {kind}"));
            }
            let sign_fits = match kind.as_str() {
                "credit" => *amount > 0,
                "capture" | "charge" | "fold" => *amount < 0,
                // Nothing may have been left.
                "close" => *amount <= 0,
                _ => *amount != 0,
            };
            if !sign_fits {
                wrong.push(format!("the {kind} {key} is of {amount}"));
            }
        }
        self.check_folded(wrong);
        // Folding leaves no history of the days that it folded: what they came to is where the rest begins.
        let days = self.entries.iter().filter_map(folded).map(|(day, ..)| day);
        let last_folded = days.max().unwrap_or(i64::MIN);
        let (old, rest): (Vec<&Entry>, Vec<&Entry>) =
            self.entries.iter().partition(|entry| entry.at.div_euclid(DAY_MS) <= last_folded);
        let start = old.iter().fold(0_i64, |sum, entry| sum.saturating_add(entry.amount));
        if let Some(what) = broken_chain(&rest, start, self.balance) {
            wrong.push(what);
        }
    }

    /// Captures are kept for 90 days; then those of one day and route are one entry, which says how many they were.
    fn check_folded(&self, wrong: &mut Vec<String>) {
        let today = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_millis() as i64) / DAY_MS;
        for entry in self.entries.iter().filter(|entry| entry.kind == "fold") {
            let Some((day, route, calls)) = folded(entry) else {
                wrong.push(format!("{} does not say what it folds", entry.key));
                continue;
            };
            if entry.key != format!("fold:{day}:{route}") || entry.at.div_euclid(DAY_MS) != day || calls < 1 {
                wrong.push(format!("{} folds {calls} calls of {route} on day {day}", entry.key));
            }
            if day >= today - 90 {
                wrong.push(format!("{} is folded too early", entry.key));
            }
        }
    }

    fn check_payments(&self, wrong: &mut Vec<String>) {
        let credits: BTreeMap<&str, &Entry> = self
            .entries
            .iter()
            .filter(|entry| entry.kind == "credit")
            .map(|entry| (entry.key.trim_start_matches("credit:"), entry))
            .collect();
        let payments: BTreeMap<&str, &Payment> = self.payments.iter().map(|it| (it.key.as_str(), it)).collect();
        if payments.len() != self.payments.len() {
            wrong.push("two payments have one key".into());
        }
        for (key, credit) in &credits {
            match payments.get(key) {
                None => wrong.push(format!("the credit {key} has no payment")),
                Some(payment) if payment.amount != credit.amount || payment.payment_intent != credit.detail => {
                    wrong.push(format!("the credit {key} and its payment differ"));
                }
                Some(_) => {}
            }
        }
        for payment in &self.payments {
            if !credits.contains_key(payment.key.as_str()) {
                wrong.push(format!("the payment {} has no credit", payment.key));
            }
            self.check_reversals_of(payment, wrong);
        }
        let frozen: i128 = self.payments.iter().map(|payment| i128::from(payment.frozen)).sum();
        if frozen != i128::from(self.frozen) {
            wrong.push(format!("{} is frozen, and {frozen} of its payments", self.frozen));
        }
        for reversal in &self.reversals {
            let Reversal { key, amount, withdrawn, returned, closed, takes, freezes, .. } = reversal;
            let should_take = if *withdrawn { (amount - returned).max(0) } else { 0 };
            let should_freeze = if *withdrawn || *closed { 0 } else { *amount };
            if (*takes, *freezes) != (should_take, should_freeze) {
                wrong.push(format!("{key} takes {takes} and freezes {freezes}, not {should_take} and {should_freeze}"));
            }
            if !payments.contains_key(reversal.payment.as_str()) {
                wrong.push(format!("{key} is about a payment that is not here"));
            }
        }
        let known: BTreeSet<&str> = self.reversals.iter().map(|reversal| reversal.key.as_str()).collect();
        for entry in self.entries.iter().filter(|entry| matches!(entry.kind.as_str(), "refund" | "dispute")) {
            let reversal = entry.key.rsplit_once(':').map_or("", |(reversal, _)| reversal);
            if !known.contains(reversal) {
                wrong.push(format!("{} is the entry of a reversal that is not here", entry.key));
            }
        }
    }

    fn check_reversals_of(&self, payment: &Payment, wrong: &mut Vec<String>) {
        let Payment { key, amount, taken, frozen, .. } = payment;
        if *taken < 0 || *frozen < 0 || taken.saturating_add(*frozen) > *amount {
            wrong.push(format!("of the payment {key} of {amount}, {taken} are taken and {frozen} frozen"));
        }
        let of = |claim: fn(&Reversal) -> i64| -> i64 {
            self.reversals.iter().filter(|reversal| reversal.payment == *key).map(claim).sum()
        };
        let should_take = of(|reversal| reversal.takes).min(*amount);
        if *taken != should_take {
            wrong.push(format!("of the payment {key}, {taken} are taken and its reversals take {should_take}"));
        }
        let should_freeze = of(|reversal| reversal.freezes).min(amount - should_take);
        if *frozen != should_freeze {
            wrong.push(format!("of the payment {key}, {frozen} are frozen and its reversals freeze {should_freeze}"));
        }
        let Some(payment_intent) = &payment.payment_intent else { return };
        let entries = self.entries.iter().filter(|entry| matches!(entry.kind.as_str(), "refund" | "dispute"));
        let sum: i64 =
            entries.filter(|entry| entry.detail.as_ref() == Some(payment_intent)).map(|entry| entry.amount).sum();
        if sum != -taken {
            wrong.push(format!("of the payment {key}, {taken} are taken and its entries sum up to {sum}"));
        }
    }

    fn check_holds(&self, now: i64, wrong: &mut Vec<String>) {
        let entries: BTreeSet<&str> = self.entries.iter().map(|entry| entry.key.as_str()).collect();
        let mut seen = BTreeSet::new();
        for hold in &self.holds {
            if !is_hex(&hold.id, 32) {
                wrong.push(format!("{} is no id of a hold", hold.id));
            }
            if !seen.insert(hold.id.as_str()) {
                wrong.push(format!("the hold {} is there twice", hold.id));
            }
            if hold.amount <= 0 {
                wrong.push(format!("the hold {} is of {}", hold.id, hold.amount));
            }
            if hold.reported.is_some_and(|units| units < 0 || units > hold.amount) {
                wrong.push(format!("of the hold {} of {}, {:?} are reported", hold.id, hold.amount, hold.reported));
            }
            if entries.contains(hold.id.as_str()) {
                wrong.push(format!("the hold {} is held and captured", hold.id));
            }
        }
        if self.holds.len() > MAX_HOLDS {
            wrong.push(format!("it has {} holds", self.holds.len()));
        }
        for IdempotencyKey { key, hold, answered, free } in &self.keys {
            // Both happen with the capture, in one transaction.
            if *answered && self.holds.iter().any(|open| open.id == *hold) {
                wrong.push(format!("the idempotency key {key} is answered and its hold open"));
            }
            if *answered && !free && !entries.contains(hold.as_str()) {
                wrong.push(format!("the idempotency key {key} is answered and not charged for"));
            }
            if !answered && entries.contains(hold.as_str()) {
                wrong.push(format!("the idempotency key {key} is charged for and has no answer"));
            }
        }
        // Only these may take what is available below zero.
        let may_overdraw =
            self.entries.iter().any(|entry| !matches!(entry.kind.as_str(), "credit" | "capture" | "fold"));
        let held: i64 = self.holds.iter().map(|hold| hold.claims(now)).sum();
        if !may_overdraw && self.frozen == 0 && self.balance < held {
            wrong.push(format!("{held} are held of a balance of {}", self.balance));
        }
    }

    fn check_tokens(&self, wrong: &mut Vec<String>) {
        let mut seen = BTreeSet::new();
        for Token { id, hash, manage, caps, spent_day, spent_total } in &self.tokens {
            match hash {
                Some(hash) if !is_hex(hash, 64) => wrong.push(format!("the token {id} has no hash but {hash}")),
                Some(hash) if !seen.insert(hash) => wrong.push(format!("the token {id} has another one's secret")),
                None if id != "first" => wrong.push(format!("the token {id} has ended and is still there")),
                _ => {}
            }
            let capped = caps.iter().flatten().count() > 0;
            if capped && *manage || caps.iter().flatten().any(|cap| *cap <= 0) {
                wrong.push(format!("the token {id} has a cap that is none: {caps:?}"));
            }
            for (cap, spent) in caps.iter().zip([spent_day, spent_total]) {
                if let Some(cap) = cap.filter(|cap| spent > cap) {
                    wrong.push(format!("the token {id} has spent {spent} of its {cap}"));
                }
            }
            if *spent_day < 0 || spent_day > spent_total || (!capped && *spent_total != 0) {
                wrong.push(format!("the token {id} has spent {spent_day} of {spent_total} in a day"));
            }
        }
        let spends = |entry: &&Entry| is_spent(entry) || entry.kind == "fold";
        let charged: i64 = self.entries.iter().filter(spends).map(|entry| -entry.amount).sum();
        let spent: i64 = self.tokens.iter().map(|token| token.spent_total).sum();
        if spent > charged {
            wrong.push(format!("its tokens have spent {spent} of {charged} charged"));
        }
        if self.tokens.len() > MAX_TOKENS {
            wrong.push(format!("it has {} tokens", self.tokens.len()));
        }
    }

    fn check_usage(&self, wrong: &mut Vec<String>) {
        let counted = self.counted();
        for (day, figures) in &self.usage {
            if counted.get(day) != Some(figures) {
                wrong.push(format!("its usage of {day:?} is {figures:?}, its entries say {:?}", counted.get(day)));
            }
        }
    }

    /// What left this account is one entry and one row each.
    fn check_transfers(&self, wrong: &mut Vec<String>) {
        let out = self.entries.iter().filter_map(|entry| {
            let n = entry.key.strip_prefix("transfer:out:")?.parse::<i64>().ok()?;
            Some((n, entry.amount))
        });
        let out: BTreeMap<i64, i64> = out.collect();
        let rows: BTreeMap<i64, i64> = self.transfers.iter().map(|it| (it.n, it.amount.saturating_neg())).collect();
        if out != rows {
            wrong.push(format!("its entries say that {out:?} left it, its transfers {rows:?}"));
        }
        if !out.is_empty() && self.merged_into.is_none() {
            wrong.push("it went into no account, and something left it".into());
        }
    }

    fn check_cards(&self, wrong: &mut Vec<String>) {
        for card in &self.cards {
            if !matches!(card.state.as_str(), "claiming" | "owned" | "releasing") {
                wrong.push(format!("its card {} is {}", card.label, card.state));
            }
            if card.state == "owned" && self.disowned.contains(&card.payment) {
                wrong.push(format!("it owns {} by a payment that was disowned", card.label));
            }
        }
    }

    /// What an account has still to do about its cards, and about the account that it went into.
    fn check_rest(&self, now: i64, audit: &mut Audit) {
        for card in self.cards.iter().filter(|card| card.state != "owned" || self.merged_into.is_some()) {
            audit.unfinished(&self.id, format!("its card {} is {} still", card.label, card.state));
        }
        for transfer in self.transfers.iter().filter(|transfer| !transfer.arrived) {
            audit.unfinished(&self.id, format!("it has not heard that {} arrived as {}", transfer.amount, transfer.n));
        }
        if self.merged_into.is_none() {
            return;
        }
        if self.untold > 0 {
            audit.unfinished(&self.id, format!("{} disowned payments are not passed on", self.untold));
        }
        let held: i64 = self.holds.iter().filter(|hold| hold.expires_at > now).map(|hold| hold.amount).sum();
        if self.balance.saturating_sub(self.frozen) != held {
            let free = self.balance.saturating_sub(self.frozen).saturating_sub(held);
            audit.unfinished(&self.id, format!("it went into another account, and {free} is free in it"));
        }
    }

    /// Usage by the entries.
    fn counted(&self) -> Usage {
        let mut usage = Usage::new();
        for entry in self.entries.iter().filter(|entry| is_spent(entry)) {
            let route = entry.detail.clone().unwrap_or_default();
            let figures = usage.entry((entry.at.div_euclid(DAY_MS), route)).or_default();
            figures.0 += 1;
            figures.1 -= entry.amount;
        }
        for entry in &self.entries {
            let Some((day, route, calls)) = folded(entry) else { continue };
            let figures = usage.entry((day, route)).or_default();
            figures.0 += calls;
            figures.1 -= entry.amount;
        }
        usage
    }
}

/// Day, route and calls of an entry that stands for many captures.
fn folded(entry: &Entry) -> Option<(i64, String, i64)> {
    let (day, _) = entry.key.strip_prefix("fold:").filter(|_| entry.kind == "fold")?.split_once(':')?;
    let (calls, route) = entry.detail.as_ref()?.split_once(" × ")?;
    Some((day.parse().ok()?, route.to_owned(), calls.parse().ok()?))
}

fn is_spent(entry: &Entry) -> bool {
    matches!(entry.kind.as_str(), "capture" | "charge")
}

fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn is_key(kind: &str, key: &str) -> bool {
    match kind {
        "capture" => is_hex(key, 32),
        // What it folds is looked at by itself.
        "fold" => key.starts_with("fold:"),
        "credit" => key.strip_prefix("credit:").is_some_and(|session| is_hex(session, 64)),
        "charge" | "close" => {
            key.strip_prefix(kind).and_then(|rest| rest.strip_prefix(':')).is_some_and(|name| !name.is_empty())
        }
        "refund" | "dispute" => key
            .strip_prefix(kind)
            .and_then(|rest| rest.strip_prefix(':'))
            .and_then(|rest| rest.rsplit_once(':'))
            .is_some_and(|(id, units)| {
                !id.is_empty() && units.parse::<i64>().is_ok_and(|units| (0..=MAX_UNITS).contains(&units))
            }),
        "transfer" => key
            .strip_prefix("transfer:")
            .and_then(|rest| rest.rsplit_once(':'))
            .is_some_and(|(from, n)| !from.is_empty() && n.parse::<i64>().is_ok_and(|n| n > 0)),
        _ => false,
    }
}

/// Each entry leads from one balance to the next, so all of them are one walk from the start to the balance that is there.
/// Times do not say in which order, within a millisecond; but such a walk exists or it does not: every balance must be
/// left as often as it is come to, and all must hang together.
fn broken_chain(entries: &[&Entry], start: i64, balance: i64) -> Option<String> {
    let mut left = BTreeMap::from([(start, -1)]);
    *left.entry(balance).or_default() += 1;
    let mut neighbours: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    for entry in entries {
        let before = entry.balance.saturating_sub(entry.amount);
        *left.entry(before).or_default() += 1;
        *left.entry(entry.balance).or_default() -= 1;
        neighbours.entry(before).or_default().push(entry.balance);
        neighbours.entry(entry.balance).or_default().push(before);
    }
    if let Some((at, _)) = left.iter().find(|(_, times)| **times != 0) {
        return Some(format!("its entries' balances are no history: it breaks at {at}"));
    }
    let (mut reached, mut next) = (BTreeSet::from([start]), vec![start]);
    while let Some(at) = next.pop() {
        next.extend(neighbours.get(&at).into_iter().flatten().filter(|to| reached.insert(**to)));
    }
    let lost = neighbours.keys().find(|at| !reached.contains(at))?;
    Some(format!("its entries' balances are no history: nothing leads to {lost}"))
}

/// All directory shards.
#[derive(Default)]
struct Places {
    accounts: BTreeMap<String, String>,
    parked: Vec<String>,
    /// Of each card: its account and the number of its claim.
    owners: BTreeMap<String, (String, i64)>,
}

impl Places {
    fn read(&mut self, sql: &Connection, audit: &mut Audit) -> rusqlite::Result<()> {
        let places = rows(sql, "SELECT payment_intent, account FROM places", |row| Ok((row.get(0)?, row.get(1)?)))?;
        audit.places += places.len();
        for (payment_intent, account) in places {
            let payment_intent: String = payment_intent;
            if self.accounts.insert(payment_intent.clone(), account).is_some() {
                audit.violation(&payment_intent, "is placed twice");
            }
        }
        let parked: Vec<(String, String)> =
            rows(sql, "SELECT payment_intent, fact FROM parked", |row| Ok((row.get(0)?, row.get(1)?)))?;
        self.parked.extend(parked.iter().map(|(payment_intent, _)| payment_intent.clone()));
        audit.parked.extend(parked);
        let select = "SELECT identity, account, claim FROM owners";
        for (card, owner) in rows(sql, select, |row| Ok((row.get::<_, String>(0)?, (row.get(1)?, row.get(2)?))))? {
            if self.owners.insert(card.clone(), owner).is_some() {
                audit.violation(&card, "is a card of two shards");
            }
        }
        Ok(())
    }
}

/// What the aggregate has of an account's row.
#[derive(PartialEq)]
struct Mirrored {
    revision: i64,
    balance: i64,
    frozen: i64,
    merged_into: Option<String>,
    columns: Columns,
}

/// The mirror of all accounts.
#[derive(Default)]
struct Aggregate {
    accounts: BTreeMap<String, Mirrored>,
    payments: BTreeMap<String, BTreeMap<String, Payment>>,
    usage: BTreeMap<String, Usage>,
    unclaimed: Vec<Unclaimed>,
}

struct Unclaimed {
    key: String,
    /// By the operator, or because it was credited after all.
    assigned_to: Option<String>,
    assigned_amount: Option<i64>,
    done: bool,
}

impl Aggregate {
    fn read(&mut self, sql: &Connection, audit: &mut Audit) -> rusqlite::Result<()> {
        let mut columns = columns(sql)?;
        let users = rows(sql, "SELECT account_id, revision, balance, frozen, merged_into FROM users", |row| {
            let id: String = row.get(0)?;
            let (revision, balance, frozen, merged_into) = (row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?);
            let columns = columns.remove(&id).unwrap_or_default();
            Ok((id, Mirrored { revision, balance, frozen, merged_into, columns }))
        })?;
        self.accounts.extend(users);
        let select = "SELECT key, payment_intent, amount, taken, frozen, account_id FROM all_payments";
        for (account, payment) in rows(sql, select, |row| Ok((row.get(5)?, Payment::read(row)?)))? {
            let account: String = account;
            self.payments.entry(account).or_default().insert(payment.key.clone(), payment);
        }
        let select = "SELECT account_id, day, route, calls, amount FROM all_usage";
        let usage = rows(sql, select, |row| {
            Ok((row.get::<_, String>(0)?, (row.get(1)?, row.get(2)?), (row.get(3)?, row.get(4)?)))
        })?;
        for (account, day, figures) in usage {
            self.usage.entry(account).or_default().insert(day, figures);
        }
        let select =
            "SELECT key, assigned_to, assigned_amount, done, amount, currency, reason FROM unclaimed ORDER BY at, key";
        let read = |row: &Row<'_>| {
            let unclaimed = Unclaimed {
                key: row.get(0)?,
                assigned_to: row.get(1)?,
                assigned_amount: row.get(2)?,
                done: row.get(3)?,
            };
            Ok((unclaimed, (row.get(4)?, row.get(5)?, row.get(6)?)))
        };
        for (unclaimed, figures) in rows(sql, select, read)? {
            if !unclaimed.done {
                audit.unclaimed.push(figures);
            }
            self.unclaimed.push(unclaimed);
        }
        Ok(())
    }
}

/// What only several files together can show.
fn across(accounts: &BTreeMap<String, Account>, places: &Places, aggregate: &Aggregate, audit: &mut Audit) {
    let (mut sessions, mut intents) = (BTreeMap::new(), BTreeMap::new());
    for account in accounts.values() {
        for payment in &account.payments {
            if sessions.insert(payment.key.as_str(), (account.id.as_str(), payment.amount)).is_some() {
                audit.violation(&account.id, format!("the payment {} is credited to two accounts", payment.key));
            }
            let payment_intent = payment.payment_intent.clone().unwrap_or_else(|| format!("session:{}", payment.key));
            if intents.insert(payment_intent.clone(), account.id.as_str()).is_some() {
                audit.violation(&account.id, format!("{payment_intent} paid for two credits"));
            }
            match places.accounts.get(&payment_intent) {
                None => audit.unfinished(&account.id, format!("the directory does not know {payment_intent}")),
                Some(place) if *place != account.id => {
                    audit.violation(&account.id, format!("the directory has {payment_intent} at {place}"));
                }
                Some(_) => {}
            }
        }
        mirrored(account, aggregate, audit);
        merged(account, accounts, audit);
        carded(account, places, audit);
    }
    received(accounts, audit);
    unique(accounts, audit);
    for (card, (owner, _)) in &places.owners {
        if !accounts.get(owner).is_some_and(|account| account.cards.iter().any(|it| it.id == *card)) {
            audit.unfinished(owner, format!("the directory has the card {card} here, and it is not"));
        }
    }
    for (payment_intent, place) in &places.accounts {
        if !intents.contains_key(payment_intent) {
            audit.unfinished(place, format!("the directory has {payment_intent} here, which nobody credited"));
        }
    }
    for payment_intent in places.parked.iter().filter(|it| places.accounts.contains_key(*it)) {
        audit.unfinished(payment_intent, "a reversal waits, and its payment is there");
    }
    for Unclaimed { key, assigned_to, assigned_amount, done } in &aggregate.unclaimed {
        match (assigned_to, sessions.get(key.as_str())) {
            (None, None) => {}
            (None, Some(_)) => audit.unfinished(key, "is credited and unclaimed"),
            (Some(_), None) => audit.unfinished(key, "is assigned and not credited"),
            (Some(assigned), Some((credited, _))) if assigned != credited => {
                audit.violation(key, format!("is assigned to {assigned} and credited to {credited}"));
            }
            (Some(_), Some((_, amount))) if *assigned_amount != Some(*amount) => {
                audit.violation(key, format!("is assigned as {assigned_amount:?} and credited as {amount}"));
            }
            (Some(_), Some(_)) if !done => audit.unfinished(key, "is credited and not yet done with"),
            (Some(_), Some(_)) => {}
        }
    }
    for id in aggregate.accounts.keys().filter(|id| !accounts.contains_key(*id)) {
        audit.unfinished(id, "the aggregate knows it, and no object is it");
    }
}

/// Whether an account went into one that is there, and was before it.
fn merged(account: &Account, accounts: &BTreeMap<String, Account>, audit: &mut Audit) {
    let Some(into) = &account.merged_into else { return };
    match accounts.get(into) {
        None => audit.unfinished(&account.id, format!("it went into {into}, which is not there")),
        Some(into) if (into.registered_at, &into.id) >= (account.registered_at, &account.id) => {
            audit.violation(&account.id, format!("it went into {}, which is younger", into.id));
        }
        Some(_) => {}
    }
}

/// Whether no value of a unique column is in two accounts; one that went into another keeps what it had.
fn unique(accounts: &BTreeMap<String, Account>, audit: &mut Audit) {
    let mut owners = BTreeMap::new();
    for account in accounts.values().filter(|account| account.merged_into.is_none()) {
        for (name, value) in &account.columns {
            if !account.unique.contains(name) || value == "NULL" {
                continue;
            }
            if let Some(owner) = owners.insert((name, value), &account.id) {
                audit.violation(&account.id, format!("its {name} {value} is that of {owner}, too"));
            }
        }
    }
}

/// Whether the directory agrees about the cards of an account.
fn carded(account: &Account, places: &Places, audit: &mut Audit) {
    for card in account.cards.iter().filter(|card| card.state == "owned") {
        match places.owners.get(&card.id) {
            // A lower one is the same claim by the number it had elsewhere; a higher one nobody could release.
            Some((owner, claim)) if *owner == account.id && *claim <= card.claim => {}
            other => {
                let owner = other.map_or("nobody", |(owner, _)| owner);
                audit.unfinished(&account.id, format!("it owns {}, and the directory has it at {owner}", card.label));
            }
        }
    }
}

/// Whether all that came from another account left that one, and arrived once.
fn received(accounts: &BTreeMap<String, Account>, audit: &mut Audit) {
    let mut arrived: BTreeMap<(&str, i64), Vec<(&str, i64)>> = BTreeMap::new();
    for account in accounts.values() {
        for entry in account.entries.iter().filter(|entry| entry.kind == "transfer") {
            let parts = entry.key.strip_prefix("transfer:").and_then(|rest| rest.rsplit_once(':'));
            if let Some((from, n)) = parts.filter(|(from, _)| *from != "out")
                && let Ok(n) = n.parse()
            {
                arrived.entry((from, n)).or_default().push((&account.id, entry.amount));
            }
        }
    }
    for account in accounts.values() {
        for Transfer { n, amount, .. } in &account.transfers {
            let there = arrived.remove(&(account.id.as_str(), *n)).unwrap_or_default();
            match there[..] {
                [] => audit.unfinished(&account.id, format!("transfer {n} of {amount} has arrived nowhere")),
                [(to, there)] if there == *amount && account.merged_into.as_deref() == Some(to) => {}
                _ => audit.violation(&account.id, format!("transfer {n} of {amount} arrived as {there:?}")),
            }
        }
    }
    for ((from, n), there) in arrived {
        audit.unfinished(from, format!("transfer {n} arrived as {there:?}, and it did not leave"));
    }
}

/// Whether the aggregate knows what it was told.
fn mirrored(account: &Account, aggregate: &Aggregate, audit: &mut Audit) {
    let id = &account.id;
    let known = aggregate.accounts.get(id);
    let revision = known.map_or(0, |known| known.revision);
    if revision < account.sent_revision || account.sent_revision > account.revision {
        let (sent, newest) = (account.sent_revision, account.revision);
        audit.violation(id, format!("the aggregate was told revision {sent} of {newest} and has {revision}"));
    } else if revision != account.revision || account.sent_revision != account.revision {
        audit.unfinished(id, format!("the aggregate has revision {revision} of {}", account.revision));
    } else {
        if known.is_some_and(|known| (known.balance, known.frozen) != (account.balance, account.frozen)) {
            audit.violation(id, "the aggregate has another balance");
        }
        if known.is_some_and(|known| known.columns != account.columns) {
            audit.violation(id, "the aggregate has other columns");
        }
        if known.is_some_and(|known| known.merged_into != account.merged_into) {
            audit.violation(id, "the aggregate has it in another account");
        }
        let payments = account.payments.iter().map(|payment| (payment.key.clone(), payment.clone())).collect();
        if *aggregate.payments.get(id).unwrap_or(&BTreeMap::new()) != payments {
            audit.violation(id, "the aggregate has other payments");
        }
        if *aggregate.usage.get(id).unwrap_or(&Usage::new()) != account.counted() {
            audit.violation(id, "the aggregate has another usage");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 20_000;
    const NEVER: i64 = i64::MAX;

    /// As a run left them, less the constraints that would keep a test from doing harm.
    const USERS: &str = "CREATE TABLE users (account_id TEXT, revision INTEGER, sent_revision INTEGER, balance INTEGER,
        frozen INTEGER, holds TEXT, usage TEXT, registered_at INTEGER, merged_into TEXT);";
    const ACCOUNT: &str = "CREATE TABLE meta (key, value);
        CREATE TABLE entries (key TEXT, at INTEGER, kind TEXT, amount INTEGER, balance INTEGER, detail TEXT);
        CREATE TABLE payments (key TEXT, payment_intent TEXT, amount INTEGER, taken INTEGER, frozen INTEGER);
        CREATE TABLE idempotency (key TEXT, hold TEXT, status INTEGER, headers TEXT);
        CREATE TABLE tokens (id TEXT, hash TEXT, manage INTEGER, cap_day INTEGER, cap_total INTEGER, spent_day INTEGER,
            spent_total INTEGER);
        CREATE TABLE reversals (key TEXT, payment TEXT, amount INTEGER, withdrawn INTEGER, returned INTEGER,
            closed INTEGER, takes INTEGER, freezes INTEGER);
        CREATE TABLE transfers (n INTEGER, amount INTEGER, arrived INTEGER);
        CREATE TABLE cards (id TEXT, label TEXT, payment TEXT, claim INTEGER, state TEXT);
        CREATE TABLE disowned (payment TEXT, told INTEGER);";
    const DIRECTORY: &str = "CREATE TABLE meta (key, value);
        CREATE TABLE places (payment_intent TEXT, account TEXT);
        CREATE TABLE parked (payment_intent TEXT, at INTEGER, fact TEXT);
        CREATE TABLE owners (identity TEXT, account TEXT, claim INTEGER);";
    const AGGREGATE: &str = "CREATE TABLE meta (key, value);
        CREATE TABLE all_payments (key TEXT, account_id TEXT, payment_intent TEXT, amount INTEGER, taken INTEGER,
            frozen INTEGER);
        CREATE TABLE all_usage (day INTEGER, route TEXT, account_id TEXT, calls INTEGER, amount INTEGER);
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
            // {a} is 64 hexadecimal digits, {1} 32: a session's key and a hold's id.
            let mut statements = statements.to_owned();
            for name in "abcdef".chars() {
                statements = statements.replace(&format!("{{{name}}}"), &name.to_string().repeat(64));
            }
            for name in "0123456789".chars() {
                statements = statements.replace(&format!("{{{name}}}"), &name.to_string().repeat(32));
            }
            self.sql(object).execute_batch(&statements).unwrap_or_else(|error| panic!("{error}: {statements}"));
        }

        fn audit(&self) -> Audit {
            audit(self.0.path()).unwrap()
        }
    }

    /// Three accounts: one of calls, one of a refund, a dispute, an overdraft and a card, and one that went into that.
    fn good() -> Disk {
        let disk = Disk(tempfile::tempdir().unwrap());
        let at = DAY * DAY_MS + 5;
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
                    '[{{"day":{DAY},"route":"GET /ok","calls":2,"amount":40}}]', 1, NULL);
                INSERT INTO entries VALUES
                    ('credit:{{a}}', {at}, 'credit', 100, 100, 'pi_a'),
                    ('{{1}}', {at}, 'capture', -20, 80, 'GET /ok'),
                    ('{{2}}', {at}, 'capture', -20, 60, 'GET /ok');
                INSERT INTO payments VALUES ('{{a}}', 'pi_a', 100, 0, 0);
                INSERT INTO idempotency VALUES ('answered', '{{1}}', 200, '[["x-price","0.002"]]'),
                    ('free', '{{9}}', 200, '[["x-price","0"]]'), ('running', '{{3}}', NULL, NULL);"#
            ),
        );
        disk.run(
            "bob",
            &format!(
                "INSERT INTO users VALUES ('bob', 9, 9, 20, 10, '[]', '[]', 2, NULL);
                INSERT INTO entries VALUES
                    ('credit:{{b}}', {at}, 'credit', 100, 100, 'pi_b'),
                    ('refund:re_1:70', {at}, 'refund', -70, 30, 'pi_b'),
                    ('refund:re_1:0', {at}, 'refund', 70, 100, 'pi_b'),
                    ('refund:re_2:50', {at}, 'refund', -50, 50, 'pi_b'),
                    ('credit:{{c}}', {at}, 'credit', 10, 60, 'pi_c'),
                    ('charge:key', {at}, 'charge', -70, -10, 'X-Price'),
                    ('transfer:cyd:1', {at}, 'transfer', 30, 20, 'cyd');
                INSERT INTO cards VALUES ('card', 'visa', '{{b}}', 3, 'owned');
                INSERT INTO payments VALUES ('{{b}}', 'pi_b', 100, 50, 0), ('{{c}}', 'pi_c', 10, 0, 10);
                INSERT INTO reversals VALUES
                    ('refund:re_1', '{{b}}', 70, 1, 70, 1, 0, 0),
                    ('refund:re_2', '{{b}}', 50, 1, 0, 0, 50, 0),
                    ('dispute:dp_1', '{{c}}', 15, 0, 0, 0, 0, 15);
                INSERT INTO tokens VALUES ('first', NULL, 1, NULL, NULL, 0, 0), ('t1', '{{a}}', 1, NULL, NULL, 0, 0),
                    ('t2', '{{b}}', 0, 30, NULL, 10, 70);"
            ),
        );
        disk.run(
            "cyd",
            &format!(
                "INSERT INTO users VALUES ('cyd', 7, 7, 10, 10, '[]', '[]', 3, 'bob');
                INSERT INTO entries VALUES
                    ('credit:{{0}}{{0}}', {at}, 'credit', 40, 40, 'pi_g'),
                    ('transfer:out:1', {at}, 'transfer', -30, 10, NULL);
                INSERT INTO payments VALUES ('{{0}}{{0}}', 'pi_g', 40, 0, 10);
                INSERT INTO reversals VALUES ('dispute:dp_2', '{{0}}{{0}}', 10, 0, 0, 0, 0, 10);
                INSERT INTO transfers VALUES (1, 30, 1);
                INSERT INTO disowned VALUES ('{{0}}{{0}}', 1);"
            ),
        );
        disk.run(
            "shard",
            "INSERT INTO places VALUES ('pi_a', 'ada'), ('pi_b', 'bob'); INSERT INTO owners VALUES ('card', 'bob', 3)",
        );
        disk.run(
            "other_shard",
            "INSERT INTO places VALUES ('pi_c', 'bob'), ('pi_g', 'cyd'); INSERT INTO parked VALUES ('pi_x', 1, '{}')",
        );
        disk.run(
            "aggregate",
            &format!(
                "INSERT INTO users VALUES ('ada', 5, 0, 60, 0, '[]', '[]', 1, NULL),
                    ('bob', 9, 0, 20, 10, '[]', '[]', 2, NULL), ('cyd', 7, 0, 10, 10, '[]', '[]', 3, 'bob');
                INSERT INTO all_payments VALUES ('{{a}}', 'ada', 'pi_a', 100, 0, 0), ('{{b}}', 'bob', 'pi_b', 100, 50, 0),
                    ('{{c}}', 'bob', 'pi_c', 10, 0, 10), ('{{0}}{{0}}', 'cyd', 'pi_g', 40, 0, 10);
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
        assert_eq!((audit.places, audit.parked.len(), audit.unclaimed.len()), (4, 1, 1));
        let (ada, bob) = (&audit.accounts["ada"], &audit.accounts["bob"]);
        assert_eq!((ada.balance, ada.credited, ada.charged, ada.count("capture")), (60, 100, 40, 2));
        assert_eq!(ada.keys, BTreeSet::from(["answered".to_owned()]));
        assert_eq!((ada.open.values().sum::<i64>(), ada.expired), (25, 1));
        assert_eq!((bob.balance, bob.credited, bob.charged, bob.taken, bob.frozen), (20, 110, 70, 50, 10));
        let cyd = &audit.accounts["cyd"];
        assert_eq!((bob.moved, cyd.moved, cyd.merged_into.as_deref()), (30, -30, Some("bob")));
        assert_eq!(bob.cards, BTreeSet::from(["visa".to_owned()]));
        let table = audit.to_string();
        assert!(table.contains("credits"), "{table}");
        assert!(table.contains("0.025"), "250 ten-thousandths of a cent were credited:\n{table}");
    }

    #[test]
    fn a_file_that_is_no_database_is_a_violation() {
        let disk = good();
        std::fs::write(disk.0.path().join("garbage.sqlite"), [b'x'; 4_096]).unwrap();
        assert_eq!(disk.audit().violations.len(), 1);
    }

    #[test]
    fn amounts_are_shown_in_cents() {
        for (units, text) in [(0, "0"), (5_000_000, "500"), (2_500, "0.25"), (-1, "-0.0001"), (-10_000, "-1")] {
            assert_eq!(cents(units), text);
        }
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
        an_entry_that_is_gone: "ada", "DELETE FROM entries WHERE key = '{1}'" => "sum up to 80";
        an_entry_there_twice: "ada", "INSERT INTO entries SELECT * FROM entries WHERE key = '{1}'" => "has two entries";
        a_capture_that_names_no_hold: "ada", "UPDATE entries SET key = 'x' WHERE key = '{1}'" => "no key of a capture";
        a_credit_without_its_hash: "ada", "UPDATE entries SET key = 'credit:cs_1' WHERE kind = 'credit'" =>
            "no key of a credit";
        a_charge_without_a_name: "bob", "UPDATE entries SET key = 'charge:' WHERE kind = 'charge'" => "no key of a charge";
        a_refund_without_an_id: "bob", "UPDATE entries SET key = 'refund::0' WHERE key = 'refund:re_1:0'" =>
            "no key of a refund";
        an_entry_of_no_kind: "ada", "UPDATE entries SET kind = 'gift' WHERE key = '{1}'" => "no key of a gift";
        a_capture_that_gives: "ada", "UPDATE entries SET amount = 20 WHERE key = '{1}'" => "is of 20";
        a_credit_that_takes: "ada", "UPDATE entries SET amount = -1 WHERE kind = 'credit'" => "is of -1";
        a_running_balance_that_was_never: "ada", "UPDATE entries SET balance = 81 WHERE key = '{1}'" => "no history";
        a_running_balance_from_nowhere: "ada", "INSERT INTO entries VALUES ('{7}', 1, 'capture', -5, 995, NULL),
            ('charge:x', 1, 'charge', 5, 1000, NULL)" => "nothing leads to";
        a_credit_without_a_payment: "ada", "DELETE FROM payments" => "has no payment";
        a_payment_without_a_credit: "ada", "INSERT INTO payments VALUES ('{e}', 'pi_e', 5, 0, 0)" => "has no credit";
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
        entries_of_reversals_that_do_not_fit: "bob", "UPDATE entries SET amount = 69 WHERE key = 'refund:re_1:0'" =>
            "its entries sum up to -51";
        a_reversal_that_takes_something_else: "bob", "UPDATE reversals SET takes = 1 WHERE key = 'refund:re_1'" =>
            "not 0 and 0";
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
        a_key_answered_before_its_capture: "ada", "UPDATE idempotency SET status = 200" => "answered and its hold open";
        a_key_answered_and_not_charged: "ada", "UPDATE idempotency SET hold = '{8}' WHERE key = 'answered'" =>
            "answered and not charged for";
        a_key_charged_without_an_answer: "ada", "UPDATE idempotency SET status = NULL" => "charged for and has no answer";
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
            INSERT INTO tokens SELECT i, printf('%064x', i), 0, NULL, NULL, 0, 0 FROM n" => "it has 103 tokens";
        a_closing_that_gives: "ada", "INSERT INTO entries VALUES ('close:k', 1, 'close', 1, 61, NULL)" => "is of 1";
        an_amount_past_the_bound: "ada", "UPDATE users SET balance = 9007199254740992" => "past 2^53";
        a_usage_that_is_not_what_was_charged: "ada", "UPDATE users SET usage = replace(usage, '40', '41')" =>
            "its usage of";
        an_object_of_two_accounts: "ada", "INSERT INTO users SELECT 'eve', 5, 5, 60, 0, '[]', '[]', 1, NULL" => "has 2 accounts";
        an_object_of_no_account: "ada", "DELETE FROM users" => "cannot be read";
        an_object_of_no_role: "stranger", "CREATE TABLE meta (key, value)" => "neither account nor directory shard";
        an_account_in_two_objects: "bob", "UPDATE users SET account_id = 'ada'" => "lives in two objects";
        a_payment_of_two_accounts: "bob", "UPDATE payments SET key = '{a}' WHERE key = '{c}';
            UPDATE entries SET key = 'credit:{a}' WHERE key = 'credit:{c}'" => "credited to two accounts";
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
        captures_folded_too_early: "ada", &format!("UPDATE entries SET kind = 'fold', key = 'fold:{0}:GET /ok',
            detail = '1 × GET /ok', at = {0} * 86400000 WHERE key = '{{1}}'", today() - 90) => "folded too early";
        a_fold_of_nothing: "ada", "UPDATE entries SET kind = 'fold', key = 'fold:20000:GET /ok' WHERE key = '{1}'" =>
            "does not say what it folds";
        a_fold_of_another_day: "ada", "UPDATE entries SET kind = 'fold', key = 'fold:19999:GET /ok',
            detail = '1 × GET /ok' WHERE key = '{1}'" => "folds 1 calls of GET /ok on day 19999";
        a_fold_that_loses_calls: "ada", "DELETE FROM entries WHERE key = '{2}'; UPDATE entries SET kind = 'fold',
            key = 'fold:20000:GET /ok', detail = '1 × GET /ok', amount = -40 WHERE key = '{1}'" => "its usage of";
        a_fold_that_loses_money: "ada", "DELETE FROM entries WHERE key = '{2}'; UPDATE entries SET kind = 'fold',
            key = 'fold:20000:GET /ok', detail = '2 × GET /ok' WHERE key = '{1}'" => "sum up to 80";
        an_aggregate_of_another_usage: "aggregate", "UPDATE all_usage SET calls = 3" => "another usage";
        an_aggregate_that_knows_no_merge: "aggregate", "UPDATE users SET merged_into = NULL" => "has it in another account";
        a_transfer_without_its_entry: "cyd", "DELETE FROM entries WHERE kind = 'transfer'" => "left it";
        a_transfer_of_another_amount: "cyd", "UPDATE transfers SET amount = 29" => "left it";
        a_transfer_from_an_account_that_stays: "cyd", "UPDATE users SET merged_into = NULL" => "something left it";
        a_transfer_without_a_number: "bob", "UPDATE entries SET key = 'transfer:cyd:x' WHERE kind = 'transfer'" =>
            "no key of a transfer";
        a_transfer_that_grew_on_its_way: "bob", "UPDATE entries SET amount = 31 WHERE kind = 'transfer'" => "arrived as";
        a_transfer_there_twice: "ada", "INSERT INTO entries VALUES ('transfer:cyd:1', 1, 'transfer', 30, 90, 'cyd')" =>
            "arrived as";
        a_transfer_of_nothing: "cyd", "UPDATE entries SET amount = 0 WHERE kind = 'transfer'" => "is of 0";
        a_transfer_to_somebody_else: "cyd", "UPDATE users SET merged_into = 'ada'" => "arrived as";
        a_merge_into_a_younger_account: "bob", "UPDATE users SET registered_at = 4" => "which is younger";
        a_merge_into_itself: "cyd", "UPDATE users SET merged_into = 'cyd'" => "which is younger";
        a_card_of_no_state: "bob", "UPDATE cards SET state = 'lent'" => "is lent";
        a_card_by_a_disowned_payment: "bob", "INSERT INTO disowned VALUES ('{b}', 1)" => "that was disowned";
        a_card_of_two_shards: "other_shard", "INSERT INTO owners VALUES ('card', 'ada', 1)" => "of two shards";
        a_second_aggregate: "third", &[USERS, AGGREGATE].concat() => "second aggregate";
    }

    #[test]
    fn columns_are_mirrored_and_unique_ones_are_of_one_account() {
        let disk = good();
        for object in ["ada", "bob", "cyd", "aggregate"] {
            let unique = if object == "aggregate" { "" } else { "UNIQUE" };
            let add =
                format!("ALTER TABLE users ADD handle TEXT; CREATE {unique} INDEX users_handle ON users (handle)");
            disk.run(object, &add);
        }
        let set = |object: &str, id: &str, handle: &str| {
            disk.run(object, &format!("UPDATE users SET handle = '{handle}' WHERE account_id = '{id}'"));
            disk.run("aggregate", &format!("UPDATE users SET handle = '{handle}' WHERE account_id = '{id}'"));
        };
        set("ada", "ada", "x");
        set("bob", "bob", "y");
        set("cyd", "cyd", "x");
        let audit = disk.audit();
        assert!(audit.is_clean(), "cyd went into bob: {audit}");
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
                "DELETE FROM entries WHERE key = '{{2}}'; DELETE FROM idempotency WHERE key = 'answered';
                UPDATE entries SET kind = 'fold', key = 'fold:{DAY}:GET /ok', detail = '2 × GET /ok', amount = -40,
                    balance = 60 WHERE key = '{{1}}';
                INSERT INTO entries VALUES ('{{7}}', {0}, 'capture', -20, 40, 'GET /ok'),
                    ('credit:{{e}}', {0}, 'credit', 20, 60, 'pi_e');
                INSERT INTO payments VALUES ('{{e}}', 'pi_e', 20, 0, 0);",
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
            ("shard", "INSERT INTO parked VALUES ('pi_a', 1, '{}')", "a reversal waits"),
            ("ada", "UPDATE users SET revision = 6", "has revision 5 of 6"),
            ("aggregate", "UPDATE unclaimed SET key = '{a}' WHERE key = '{d}'", "credited and unclaimed"),
            ("aggregate", "UPDATE unclaimed SET assigned_to = 'ada' WHERE key = '{d}'", "assigned and not credited"),
            ("aggregate", "UPDATE unclaimed SET done = 0 WHERE key = '{c}'", "not yet done with"),
            ("aggregate", "INSERT INTO users VALUES ('eve', 1, 0, 0, 0, '[]', '[]', 1, NULL)", "no object is it"),
            ("cyd", "UPDATE transfers SET arrived = 0", "it has not heard that 30 arrived"),
            ("cyd", "UPDATE users SET revision = 8, frozen = 0; UPDATE payments SET frozen = 0; DELETE FROM reversals", "10 is free in it"),
            ("cyd", "UPDATE disowned SET told = 0", "not passed on"),
            ("cyd", "INSERT INTO cards VALUES ('c', 'visa', 'p', 1, 'owned')", "visa is owned still"),
            ("cyd", "UPDATE users SET revision = 8, merged_into = 'gone'; DELETE FROM transfers; DELETE FROM entries WHERE kind = 'transfer';
                UPDATE users SET balance = 40, revision = 8; UPDATE entries SET balance = 40", "which is not there"),
            ("bob", "DELETE FROM entries WHERE kind = 'transfer'; UPDATE users SET revision = 10, balance = -10", "has arrived nowhere"),
            ("cyd", "DELETE FROM transfers; DELETE FROM entries WHERE kind = 'transfer'; UPDATE users SET revision = 8, balance = 40", "did not leave"),
            ("bob", "UPDATE cards SET state = 'claiming'", "visa is claiming still"),
            ("bob", "UPDATE cards SET claim = 2", "the directory has it at bob"),
            ("shard", "DELETE FROM owners", "the directory has it at nobody"),
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
}
