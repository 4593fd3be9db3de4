//! Idempotency keys of callers: a key names one call, its hold while it runs, and its answer afterwards.

use serde::{Deserialize, Serialize};

use crate::account::hold::HoldId;
use crate::account::wallet::Wallet;
use crate::clock::{DAY_MS, Millis};
use crate::error::WalletError;
use crate::sql::{Reader, SqlError, Value};

/// How long an answer is kept: 24 hours.
pub(crate) const KEPT_MS: Millis = DAY_MS;
/// Bytes of answers that an account keeps at most: the oldest goes first.
const BUDGET: i64 = 4 * 1024 * 1024;
/// What an answer counts as beside its headers and body.
const OVERHEAD: usize = 256;

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
    pub body: Vec<u8>,
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
    /// The same, and its answer is not kept.
    Gone,
}

struct Kept {
    hold: String,
    fingerprint: String,
    expires_at: Millis,
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
        if kept.expires_at <= self.now {
            self.sql.run("DELETE FROM answers WHERE hold = ?", &[kept.hold.into()])?;
            return Ok(Claim::Free);
        }
        // The capture, and not the answer, says that a call was charged for: answers go before their keys do.
        let claim = if self.is_open(&kept.hold) {
            // The very reserve, sent again, is the same hold.
            if kept.hold == hold.as_str() { Claim::Free } else { Claim::Running }
        } else if let Some(answer) = self.answer(&kept.hold)? {
            Claim::Answered(answer)
        } else if self.amount_of(&kept.hold)?.is_some() {
            Claim::Gone
        } else {
            // It was released, or has expired.
            Claim::Free
        };
        let other = claim != Claim::Free && kept.fingerprint != key.fingerprint;
        Ok(if other { Claim::Other } else { claim })
    }

    /// Lets a key name a hold.
    pub fn name(&self, key: &IdempotencyKey, hold: &HoldId) -> Result<(), SqlError> {
        self.sql.run(
            "INSERT INTO idempotency (key, hold, fingerprint, expires_at) VALUES (?, ?, ?, ?)
             ON CONFLICT (key) DO UPDATE SET hold = excluded.hold, fingerprint = excluded.fingerprint,
             expires_at = excluded.expires_at",
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

    /// Keeps the answer of a call that was captured, in the place of older ones.
    pub fn keep(&mut self, hold: &HoldId, answer: &KeptAnswer) -> Result<(), WalletError> {
        let headers = serde_json::to_string(&answer.headers).expect("headers are plain JSON");
        let size = (OVERHEAD + headers.len() + answer.body.len()) as i64;
        self.sql.run(
            "INSERT INTO answers (hold, size, status, headers, body) VALUES (?, ?, ?, ?, ?)",
            &[
                hold.as_str().into(),
                size.into(),
                i64::from(answer.status).into(),
                headers.into(),
                Value::Blob(answer.body.clone()),
            ],
        )?;
        self.account.kept_bytes += size;
        self.touch();
        if self.account.kept_bytes > BUDGET {
            self.drop_oldest()?;
        }
        Ok(())
    }

    /// Counts the answers that are there, and makes room for so many that it need not be done again soon.
    fn drop_oldest(&mut self) -> Result<(), WalletError> {
        self.sql.run(
            "DELETE FROM answers WHERE hold IN (SELECT hold FROM
             (SELECT hold, SUM(size) OVER (ORDER BY hold DESC) AS newer FROM answers) WHERE newer > ?)",
            &[Value::Integer(BUDGET / 4 * 3)],
        )?;
        let sum = self.sql.run("SELECT COALESCE(SUM(size), 0) FROM answers", &[])?.pop();
        self.account.kept_bytes = Reader::new(sum.unwrap_or_default()).integer()?;
        Ok(())
    }

    /// Frees a key whose call came to nothing.
    pub(crate) fn free(&self, key: &str, hold: &HoldId) -> Result<(), WalletError> {
        if self.amount_of(hold.as_str())?.is_none() {
            let delete = "DELETE FROM idempotency WHERE key = ? AND hold = ?";
            self.sql.run(delete, &[key.into(), hold.as_str().into()])?;
        }
        Ok(())
    }

    /// Forgets answers that are older than 24 hours, some at a time, and answers when the next one will be.
    pub fn forget_answers(&self) -> Result<Option<Millis>, WalletError> {
        let old = "FROM idempotency WHERE expires_at <= ? ORDER BY expires_at LIMIT 100";
        let now = [Value::Integer(self.now)];
        self.sql.run(&format!("DELETE FROM answers WHERE hold IN (SELECT hold {old})"), &now)?;
        self.sql.run(&format!("DELETE FROM idempotency WHERE key IN (SELECT key {old})"), &now)?;
        match self.sql.run("SELECT MIN(expires_at) FROM idempotency", &[])?.pop() {
            Some(row) => Ok(Reader::new(row).optional_integer()?),
            None => Ok(None),
        }
    }

    fn kept(&self, key: &str) -> Result<Option<Kept>, WalletError> {
        let select = "SELECT hold, fingerprint, expires_at FROM idempotency WHERE key = ?";
        let Some(row) = self.sql.run(select, &[key.into()])?.pop() else { return Ok(None) };
        let mut row = Reader::new(row);
        Ok(Some(Kept { hold: row.text()?, fingerprint: row.text()?, expires_at: row.integer()? }))
    }

    fn answer(&self, hold: &str) -> Result<Option<KeptAnswer>, WalletError> {
        let select = "SELECT status, headers, body FROM answers WHERE hold = ?";
        let Some(row) = self.sql.run(select, &[hold.into()])?.pop() else { return Ok(None) };
        let mut row = Reader::new(row);
        let (status, headers) = (row.integer()?, row.text()?);
        Ok(Some(KeptAnswer {
            status: u16::try_from(status).map_err(|_| SqlError("answers.status is no status".into()))?,
            headers: serde_json::from_str(&headers).map_err(|error| SqlError(format!("answers.headers: {error}")))?,
            body: row.blob()?,
        }))
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
    use crate::sql::Sql;
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

    fn end(hold: &HoldId) -> Ending {
        let outcome = Outcome::Capture { amount: Cents::new(1), detail: "GET /".into() };
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
        let answer = KeptAnswer { headers: vec![("a".into(), "b".into())], ..answer(4) };
        at(&sql, NOW, |wallet| {
            assert_eq!(wallet.settle(&end(&hold)).unwrap(), Settled::Captured);
            wallet.keep(&hold, &answer).unwrap();
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
            let ending = Ending { outcome: Outcome::Release, ..end(&released) };
            wallet.settle(&ending).unwrap();
        });
        let expired = at(&sql, NOW, |wallet| begin(wallet, NOW));
        let later = NOW + 10 * 60_000;
        let current = at(&sql, later, |wallet| begin(wallet, later));
        at(&sql, later, |wallet| {
            for hold in [&released, &expired] {
                assert_eq!(wallet.settle(&end(hold)).unwrap(), Settled::Gone);
            }
            assert_eq!(wallet.settle(&end(&current)).unwrap(), Settled::Captured);
            assert_eq!(wallet.balance(), Cents::new(9));
        });
    }

    fn answer(length: usize) -> KeptAnswer {
        KeptAnswer { status: 200, headers: Vec::new(), body: vec![7; length] }
    }

    fn kept_bytes(sql: &rusqlite::Connection) -> i64 {
        let sum = sql.run("SELECT COALESCE(SUM(size), 0) FROM answers", &[]).unwrap().remove(0);
        Reader::new(sum).integer().unwrap()
    }

    #[test]
    fn answers_take_what_their_budget_is_and_the_oldest_goes_first() {
        let sql = account();
        let (length, calls) = (100_000, 100);
        let said = |number: usize| {
            at(&sql, NOW, |wallet| {
                let key = IdempotencyKey { key: format!("k{number}"), ..key("a") };
                wallet.claim(&key, &HoldId::generate(NOW)).unwrap()
            })
        };
        let mut newest_gone = None;
        for number in 0..calls {
            // As they come, and one that began long before it was answered.
            let hold = HoldId::generate(NOW + number as Millis);
            let key = IdempotencyKey { key: format!("k{number}"), ..key("a") };
            at(&sql, NOW, |wallet| {
                wallet.reserve(&hold, Cents::from_units(1), 60).unwrap().unwrap();
                wallet.name(&key, &hold).unwrap();
                let outcome = Outcome::Capture { amount: Cents::from_units(1), detail: "GET /".into() };
                let ending = Ending { hold: hold.clone(), outcome, key: Some(key.key.clone()), token: None };
                assert_eq!(wallet.settle(&ending).unwrap(), Settled::Captured);
                wallet.keep(&hold, &answer(length)).unwrap();
            });
            assert!(kept_bytes(&sql) <= BUDGET, "{number}");
            let gone = (0..=number).take_while(|number| said(*number) == Claim::Gone).count();
            for kept in gone..=number {
                assert_eq!(said(kept), Claim::Answered(answer(length)), "{kept} after {number}");
            }
            assert!(newest_gone <= Some(gone), "what is gone stays so");
            let kept = number + 1 - gone;
            assert!(gone == 0 || kept * length >= BUDGET as usize / 2, "{kept} are kept");
            newest_gone = Some(gone);
        }
        assert!(newest_gone > Some(0));
        let (other, file) = (
            IdempotencyKey { key: "k0".into(), ..key("b") },
            "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size",
        );
        at(&sql, NOW, |wallet| assert_eq!(wallet.claim(&other, &HoldId::generate(NOW)).unwrap(), Claim::Other));
        let bytes = sql.run(file, &[]).map(|mut rows| Reader::new(rows.remove(0)).integer().unwrap());
        assert!(bytes.is_ok_and(|bytes| bytes < BUDGET + BUDGET / 8), "as bytes, not as text of them");
        // A day later all of it goes, and what is counted follows.
        let later = NOW + KEPT_MS;
        at(&sql, later, |wallet| while wallet.forget_answers().unwrap().is_some() {});
        assert_eq!(kept_bytes(&sql), 0);
    }

    #[test]
    fn small_answers_count_for_what_they_take_with_their_headers() {
        let sql = account();
        let headers = vec![("x-note".to_owned(), "n".repeat(500))];
        let many = 20_000_i64;
        let kept = at(&sql, NOW, |wallet| {
            for number in 0..many {
                let answer = KeptAnswer { status: 200, headers: headers.clone(), body: Vec::new() };
                wallet.keep(&HoldId::generate(NOW + number), &answer).unwrap();
            }
            wallet.sql.run("SELECT COUNT(*), SUM(LENGTH(headers)) FROM answers", &[]).unwrap().remove(0)
        });
        let mut kept = Reader::new(kept);
        let (rows, bytes) = (kept.integer().unwrap(), kept.integer().unwrap());
        assert!(rows * OVERHEAD as i64 + bytes <= BUDGET && bytes > BUDGET / 3, "{rows} of {bytes} bytes");
    }

    #[test]
    fn an_answer_that_is_not_kept_leaves_a_key_that_says_so_until_it_is_forgotten() {
        let sql = account();
        let hold = at(&sql, NOW, |wallet| begin(wallet, NOW));
        at(&sql, NOW, |wallet| assert_eq!(wallet.settle(&end(&hold)).unwrap(), Settled::Captured));
        for (now, says) in [(NOW, Claim::Gone), (NOW + KEPT_MS - 1, Claim::Gone), (NOW + KEPT_MS, Claim::Free)] {
            let other = HoldId::generate(now);
            at(&sql, now, |wallet| assert_eq!(wallet.claim(&key("a"), &other).unwrap(), says));
        }
    }

    #[test]
    fn a_key_that_is_used_again_after_its_day_leaves_no_answer_behind() {
        let sql = account();
        for now in [NOW, NOW + KEPT_MS] {
            let hold = at(&sql, now, |wallet| begin(wallet, now));
            at(&sql, now, |wallet| {
                wallet.settle(&end(&hold)).unwrap();
                wallet.keep(&hold, &answer(10)).unwrap();
            });
        }
        assert_eq!(sql.run("SELECT hold FROM answers", &[]).unwrap().len(), 1);
    }

    #[test]
    fn a_late_release_leaves_an_answer_and_clearing_up_leaves_what_runs() {
        let sql = account();
        let other = HoldId::generate(NOW);
        let hold = at(&sql, NOW, |wallet| begin(wallet, NOW));
        at(&sql, NOW, |wallet| {
            assert_eq!(wallet.forget_answers().unwrap(), Some(NOW + KEPT_MS));
            assert_eq!(wallet.claim(&key("a"), &other).unwrap(), Claim::Running);
            wallet.settle(&end(&hold)).unwrap();
            let answer = answer(4);
            wallet.keep(&hold, &answer).unwrap();
            wallet.settle(&Ending { outcome: Outcome::Release, ..end(&hold) }).unwrap();
            assert_eq!(wallet.claim(&key("a"), &other).unwrap(), Claim::Answered(answer));
        });
    }
}
