//! The ledger audit: reads the SQLite files of every object of a disk and checks the Money rules that data can show.
//!
//! It shares no code with the wallet. Each file is read in one transaction, read-only, so a running worker is not
//! disturbed; but two files may show two moments. What looks wrong for that reason alone is *unfinished*, not a
//! violation. Once the worker is at rest nothing may be unfinished either.

mod account;
mod across;
mod aggregate;
mod directory;
mod files;
mod report;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Result;
use rusqlite::Connection;

use self::account::Account;
use self::across::across;
use self::aggregate::Aggregate;
use self::directory::Places;
use self::files::{Role, files, open, rows};

/// The largest amount, in ten-thousandths of a cent.
const MAX_UNITS: i64 = (1 << 53) - 1;
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
    /// Reversals that wait for their payment: the payment and which, as `refund:re_…`.
    pub parked: Vec<(String, String)>,
    /// Messages that objects have yet to tell each other: to whom, and the bytes.
    pub outgoing: Vec<(String, Vec<u8>)>,
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
    /// Sum of payments that moved here, less what moved away.
    pub moved: i64,
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

impl Audit {
    /// Whether every rule holds, and nothing is under way.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.violations.is_empty() && self.unfinished.is_empty()
    }

    fn violation(&mut self, place: &str, what: impl Into<String>) {
        self.violations.push(Finding { place: place.to_owned(), what: what.into() });
    }

    fn unfinished(&mut self, place: &str, what: impl Into<String>) {
        self.unfinished.push(Finding { place: place.to_owned(), what: what.into() });
    }
}

/// Audits all objects below a folder.
///
/// # Errors
/// When the folder cannot be read. A file that cannot be read is a violation.
pub fn audit(folder: &Path) -> Result<Audit> {
    let mut audit = Audit::default();
    // What accounts have told others is looked for at a later moment than they told it.
    let accounts = accounts(folder, &mut audit)?;
    let (places, aggregate) = others(folder, &mut audit)?;
    across(&accounts, &places, &aggregate, &mut audit);
    Ok(audit)
}

/// What each account's file says, and whether it agrees with itself.
fn accounts(folder: &Path, audit: &mut Audit) -> Result<BTreeMap<String, Account>> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis() as i64;
    let mut accounts = BTreeMap::new();
    for file in files(folder)? {
        // What cannot be opened is named once, by `others`.
        let Ok((sql, Role::Account)) = open(&file) else { continue };
        let read = sql.unchecked_transaction().and_then(|sql| {
            outgoing(&sql, &file, audit)?;
            Account::read(&sql)
        });
        match read {
            Ok((account, unreadable)) => {
                for what in unreadable {
                    audit.violation(&account.id, what);
                }
                account.check(now, audit);
                if let Some(twin) = accounts.insert(account.id.clone(), account) {
                    audit.violation(&twin.id, "lives in two objects");
                }
            }
            Err(error) => audit.violation(&name(&file), format!("cannot be read: {error}")),
        }
    }
    Ok(accounts)
}

/// What the directory and the aggregate say. Their files are listed anew: an account may be the reason that one exists.
fn others(folder: &Path, audit: &mut Audit) -> Result<(Places, Aggregate)> {
    let (mut places, mut aggregate) = (Places::default(), Aggregate::default());
    for file in files(folder)? {
        let read = open(&file).and_then(|(sql, role)| {
            let sql = sql.unchecked_transaction()?;
            if matches!(role, Role::Directory | Role::Aggregate) {
                outgoing(&sql, &file, audit)?;
            }
            match role {
                Role::Account => {}
                Role::Empty => audit.empty += 1,
                Role::Directory => {
                    audit.shards += 1;
                    places.read(&sql, audit)?;
                }
                Role::Aggregate => {
                    audit.aggregates += 1;
                    if audit.aggregates > 1 {
                        audit.violation(&name(&file), "is a second aggregate");
                    }
                    aggregate.read(&sql, audit)?;
                }
            }
            Ok(())
        });
        if let Err(error) = read {
            audit.violation(&name(&file), format!("cannot be read: {error:#}"));
        }
    }
    Ok((places, aggregate))
}

/// What an object has yet to tell others.
fn outgoing(sql: &Connection, file: &Path, audit: &mut Audit) -> rusqlite::Result<()> {
    let select = "SELECT recipient, message, id FROM outgoing";
    for (message, id) in rows(sql, select, |row| Ok(((row.get(0)?, row.get(1)?), row.get::<_, String>(2)?)))? {
        audit.unfinished(&name(file), format!("{} has yet to hear of {id}", message.0));
        audit.outgoing.push(message);
    }
    Ok(())
}

fn name(file: &Path) -> String {
    file.file_stem().unwrap_or_default().to_string_lossy().into_owned()
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
