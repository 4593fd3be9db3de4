//! Idempotency keys of callers: a key names one call, its hold while it runs, and its answer afterwards.

use serde::{Deserialize, Serialize};

use crate::account::hold::HoldId;
use crate::account::wallet::Wallet;
use crate::clock::Millis;
use crate::error::WalletError;
use crate::sql::{Reader, SqlError, Value};

/// How long an answer is kept: 24 hours.
pub(crate) const KEPT_MS: Millis = 24 * 60 * 60 * 1_000;
/// Bytes of a body that is kept; SQLite's rows are small.
const MAX_BODY: usize = 128 * 1024;

/// A caller's key, and what it was sent with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdempotencyKey {
    pub key: String,
    /// Hash of method, path and body.
    pub fingerprint: String,
}

/// An answer, kept for whoever asks again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptAnswer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    /// In hexadecimal; `None`: it was larger than is kept.
    pub body: Option<String>,
}

impl KeptAnswer {
    pub fn new(status: u16, headers: Vec<(String, String)>, body: &[u8]) -> Self {
        Self { status, headers, body: (body.len() <= MAX_BODY).then(|| hex::encode(body)) }
    }
}

/// What a key stands for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Claim {
    /// Nothing that matters any more: the call may run.
    Free,
    /// A call that has not ended.
    Running,
    /// A call with another method, path or body.
    Other,
    /// A call that was answered, and charged for.
    Answered(KeptAnswer),
}

struct Kept {
    hold: String,
    fingerprint: String,
    expires_at: Millis,
    answer: Option<KeptAnswer>,
}

impl Wallet<'_> {
    /// The key among the caller's own: what one token's holder is answered, no other token shows.
    pub fn of_caller(&self, key: IdempotencyKey) -> IdempotencyKey {
        match self.caller_id() {
            // A token's id has no space in it.
            Some(token) => IdempotencyKey { key: format!("{} {token}", key.key), ..key },
            None => key,
        }
    }

    /// What a key stands for, as `hold` is about to take it.
    pub fn claim(&self, key: &IdempotencyKey, hold: &HoldId) -> Result<Claim, WalletError> {
        let Some(kept) = self.kept(&key.key)? else { return Ok(Claim::Free) };
        // A key whose hold was released or has expired names nothing.
        let names = match kept.answer {
            // The very reserve, sent again, is the same hold.
            None => kept.hold != hold.as_str() && self.is_open(&kept.hold),
            Some(_) => true,
        };
        if kept.expires_at <= self.now || !names {
            return Ok(Claim::Free);
        }
        Ok(match kept.answer {
            _ if kept.fingerprint != key.fingerprint => Claim::Other,
            None => Claim::Running,
            Some(answer) => Claim::Answered(answer),
        })
    }

    /// Lets a key name a hold.
    pub fn name(&self, key: &IdempotencyKey, hold: &HoldId) -> Result<(), SqlError> {
        self.sql.run(
            "INSERT INTO idempotency (key, hold, fingerprint, expires_at) VALUES (?, ?, ?, ?)
             ON CONFLICT (key) DO UPDATE SET hold = excluded.hold, fingerprint = excluded.fingerprint,
             expires_at = excluded.expires_at, status = NULL, headers = NULL, body = NULL",
            &[
                key.key.as_str().into(),
                hold.as_str().into(),
                key.fingerprint.as_str().into(),
                (self.now + KEPT_MS).into(),
            ],
        )?;
        Ok(())
    }

    /// Whether a key still names this hold.
    pub fn names(&self, key: &str, hold: &HoldId) -> Result<bool, WalletError> {
        Ok(self.kept(key)?.is_some_and(|kept| kept.hold == hold.as_str()))
    }

    /// Keeps the answer of the call that a key names.
    pub fn keep(&self, key: &str, answer: &KeptAnswer) -> Result<(), SqlError> {
        let headers = serde_json::to_string(&answer.headers).expect("headers are plain JSON");
        self.sql.run(
            "UPDATE idempotency SET status = ?, headers = ?, body = ? WHERE key = ?",
            &[i64::from(answer.status).into(), headers.into(), answer.body.clone().into(), key.into()],
        )?;
        Ok(())
    }

    /// Frees a key whose call came to nothing.
    pub(crate) fn free(&self, key: &str, hold: &HoldId) -> Result<(), SqlError> {
        let parameters = [key.into(), hold.as_str().into()];
        self.sql.run("DELETE FROM idempotency WHERE key = ? AND hold = ? AND status IS NULL", &parameters)?;
        Ok(())
    }

    /// Forgets answers that are older than 24 hours, some at a time, and answers when the next one will be.
    pub fn forget_answers(&self) -> Result<Option<Millis>, WalletError> {
        let old = "SELECT key FROM idempotency WHERE expires_at <= ? LIMIT 100";
        self.sql.run(&format!("DELETE FROM idempotency WHERE key IN ({old})"), &[Value::Integer(self.now)])?;
        match self.sql.run("SELECT MIN(expires_at) FROM idempotency", &[])?.pop() {
            Some(row) => Ok(Reader::new(row).optional_integer()?),
            None => Ok(None),
        }
    }

    fn kept(&self, key: &str) -> Result<Option<Kept>, WalletError> {
        let select = "SELECT hold, fingerprint, expires_at, status, headers, body FROM idempotency WHERE key = ?";
        let Some(row) = self.sql.run(select, &[key.into()])?.pop() else { return Ok(None) };
        let mut row = Reader::new(row);
        let (hold, fingerprint, expires_at) = (row.text()?, row.text()?, row.integer()?);
        let (status, headers, body) = (row.optional_integer()?, row.optional_text()?, row.optional_text()?);
        let answer = match (status, headers) {
            (Some(status), Some(headers)) => Some(KeptAnswer {
                status: u16::try_from(status).map_err(|_| SqlError("idempotency.status is no status".into()))?,
                headers: serde_json::from_str(&headers)
                    .map_err(|error| SqlError(format!("idempotency.headers: {error}")))?,
                body,
            }),
            _ => None,
        };
        Ok(Some(Kept { hold, fingerprint, expires_at, answer }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::hold::{Ending, Outcome, Settled};
    use crate::account::payment::Credit;
    use crate::identity::AccountId;
    use crate::money::Cents;
    use crate::schema::{Schema, migrate};
    use crate::tables::Role;
    use crate::testing::database;

    const SCHEMA: Schema = Schema::of::<()>();
    const NOW: Millis = 1_800_000_000_000;

    fn account() -> rusqlite::Connection {
        let sql = database();
        migrate(&sql, Role::Account, &SCHEMA).unwrap();
        at(&sql, NOW, |wallet| {
            let account = AccountId::from_hash(&[7; 32]);
            wallet
                .credit(&Credit {
                    account,
                    key: "cs".into(),
                    amount: Cents::new(10),
                    payment_intent: None,
                    paid: None,
                    payer: Default::default(),
                })
                .unwrap();
        });
        sql
    }

    fn at<T>(sql: &rusqlite::Connection, now: Millis, act: impl FnOnce(&mut Wallet<'_>) -> T) -> T {
        let mut wallet = Wallet::load_or_register(sql, &SCHEMA, now, &AccountId::from_hash(&[7; 32])).unwrap();
        let result = act(&mut wallet);
        wallet.save().unwrap();
        result
    }

    fn key(fingerprint: &str) -> IdempotencyKey {
        IdempotencyKey { key: "k".into(), fingerprint: fingerprint.into() }
    }

    fn begin(wallet: &mut Wallet<'_>, now: Millis) -> HoldId {
        let hold = HoldId::generate(now);
        assert_eq!(wallet.claim(&key("a"), &hold).unwrap(), Claim::Free);
        wallet.reserve(&hold, Cents::new(1), 60).unwrap().unwrap();
        wallet.name(&key("a"), &hold).unwrap();
        hold
    }

    fn end(hold: &HoldId, late: bool) -> Ending {
        let outcome = Outcome::Capture { amount: Cents::new(1), detail: "GET /".into(), late };
        Ending { hold: hold.clone(), outcome, key: Some("k".into()), token: None }
    }

    #[test]
    fn a_key_names_its_call_until_its_answer_is_forgotten() {
        let sql = account();
        let other = HoldId::generate(NOW);
        let hold = at(&sql, NOW, |wallet| begin(wallet, NOW));
        at(&sql, NOW, |wallet| {
            assert_eq!(wallet.claim(&key("a"), &hold).unwrap(), Claim::Free, "the same reserve, sent again");
            assert_eq!(wallet.claim(&key("a"), &other).unwrap(), Claim::Running);
            assert_eq!(wallet.claim(&key("b"), &other).unwrap(), Claim::Other);
        });
        let answer = KeptAnswer::new(200, vec![("a".into(), "b".into())], b"body");
        at(&sql, NOW, |wallet| {
            assert_eq!(wallet.settle(&end(&hold, false)).unwrap(), Settled::Captured);
            wallet.keep("k", &answer).unwrap();
            let again = wallet.claim(&key("a"), &hold).unwrap();
            assert_eq!(again, Claim::Answered(answer.clone()), "the reserve of a call that is over");
        });
        at(&sql, NOW + KEPT_MS - 1, |wallet| {
            assert_eq!(wallet.forget_answers().unwrap(), Some(NOW + KEPT_MS));
            assert_eq!(wallet.claim(&key("a"), &other).unwrap(), Claim::Answered(answer.clone()));
            assert_eq!(wallet.claim(&key("b"), &other).unwrap(), Claim::Other);
        });
        at(&sql, NOW + KEPT_MS, |wallet| {
            assert_eq!(wallet.claim(&key("b"), &other).unwrap(), Claim::Free);
            assert_eq!(wallet.forget_answers().unwrap(), None);
            assert!(wallet.kept("k").unwrap().is_none());
        });
    }

    #[test]
    fn a_release_or_an_expiry_frees_the_key_and_a_late_capture_charges_nothing() {
        let sql = account();
        let released = at(&sql, NOW, |wallet| begin(wallet, NOW));
        at(&sql, NOW, |wallet| {
            let ending = Ending { outcome: Outcome::Release, ..end(&released, false) };
            wallet.settle(&ending).unwrap();
        });
        let expired = at(&sql, NOW, |wallet| begin(wallet, NOW));
        let later = NOW + 10 * 60_000;
        let current = at(&sql, later, |wallet| begin(wallet, later));
        at(&sql, later, |wallet| {
            for hold in [&released, &expired] {
                assert_eq!(wallet.settle(&end(hold, true)).unwrap(), Settled::Gone);
            }
            assert_eq!(wallet.settle(&end(&current, false)).unwrap(), Settled::Captured);
            assert_eq!(wallet.balance(), Cents::new(9));
        });
    }

    #[test]
    fn a_large_body_is_not_kept() {
        assert!(KeptAnswer::new(200, Vec::new(), &vec![0; MAX_BODY]).body.is_some());
        assert!(KeptAnswer::new(200, Vec::new(), &vec![0; MAX_BODY + 1]).body.is_none());
    }

    #[test]
    fn a_late_release_leaves_an_answer_and_clearing_up_leaves_what_runs() {
        let sql = account();
        let other = HoldId::generate(NOW);
        let hold = at(&sql, NOW, |wallet| begin(wallet, NOW));
        at(&sql, NOW, |wallet| {
            assert_eq!(wallet.forget_answers().unwrap(), Some(NOW + KEPT_MS));
            assert_eq!(wallet.claim(&key("a"), &other).unwrap(), Claim::Running);
            wallet.settle(&end(&hold, false)).unwrap();
            let answer = KeptAnswer::new(200, Vec::new(), b"body");
            wallet.keep("k", &answer).unwrap();
            wallet.settle(&Ending { outcome: Outcome::Release, ..end(&hold, false) }).unwrap();
            assert_eq!(wallet.claim(&key("a"), &other).unwrap(), Claim::Answered(answer));
        });
    }
}
