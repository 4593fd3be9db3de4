//! The tokens of one account: which secrets open it, what each may do, and how much each may spend.
//!
//! Of a secret its hash alone is stored. The first token, of which the account's id was made, needs no row: it opens the
//! account unless its row says otherwise.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::outbox::DAY_MS;
use super::{Millis, Reader, Refusal, Row, SqlError, Value, Wallet, WalletError};
use crate::account::{Proof, random_text};
use crate::money::Cents;

/// Tokens an account may have.
pub(crate) const MAX_TOKENS: usize = 100;
/// The id of the first token.
const FIRST: &str = "first";

/// Names one token of an account. It is public, and stays when the secret changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TokenId(String);

impl TokenId {
    pub(crate) fn generate() -> Self {
        Self(random_text::<10>())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<String> for TokenId {
    fn from(id: String) -> Self {
        Self(id)
    }
}

/// Why a token does not open its account, or not for this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Denied {
    /// No token of this account, or none any more.
    Wrong,
    /// Its time is over.
    Expired,
    /// The account went into another one.
    Merged,
    /// It spends, and this takes one that manages.
    Rights,
}

/// Which of a token's caps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Cap {
    Day,
    Total,
}

/// What a token may spend; without a cap, all there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Caps {
    /// On one day, UTC.
    pub(crate) day: Option<Cents>,
    pub(crate) total: Option<Cents>,
}

/// A token to be made. The same id and hash twice is one token.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct NewToken {
    pub(crate) id: TokenId,
    /// As in its [`Proof`].
    pub(crate) hash: String,
    pub(crate) label: String,
    pub(crate) manage: bool,
    /// A login gave it.
    pub(crate) login: bool,
    pub(crate) caps: Caps,
    pub(crate) expires_at: Option<Millis>,
}

/// The token that a command came with.
pub(super) struct Caller {
    id: TokenId,
    manage: bool,
    caps: Caps,
    /// Today.
    spent_day: Cents,
    spent_total: Cents,
}

struct Stored {
    hash: Option<String>,
    old_hash: Option<String>,
    old_until: Option<Millis>,
    last_used_day: Option<i64>,
    expires_at: Option<Millis>,
    caller: Caller,
}

impl Stored {
    const SELECT: &str =
        "SELECT id, manage, cap_day, cap_total, spent_day_date, spent_day, spent_total, hash, old_hash,
        old_until, last_used_day, expires_at FROM tokens";

    fn read(row: Row, today: i64) -> Result<Self, SqlError> {
        let mut row = Reader::new(row);
        let (id, manage) = (TokenId(row.text()?), row.integer()? != 0);
        let caps = Caps { day: row.optional_cents()?, total: row.optional_cents()? };
        let is_today = row.integer()? == today;
        let (spent_day, spent_total) = (row.cents()?, row.cents()?);
        Ok(Self {
            caller: Caller { id, manage, caps, spent_day: if is_today { spent_day } else { Cents::ZERO }, spent_total },
            hash: row.optional_text()?,
            old_hash: row.optional_text()?,
            old_until: row.optional_integer()?,
            last_used_day: row.optional_integer()?,
            expires_at: row.optional_integer()?,
        })
    }
}

impl Wallet<'_> {
    fn today(&self) -> i64 {
        self.now.div_euclid(DAY_MS)
    }

    /// Looks whether a caller's token opens the account; what the wallet does next it does for that token.
    ///
    /// One look on most calls. A row is written on the first use of a day, and on the first use of a new secret, which
    /// ends the old one.
    pub(crate) fn authenticate(&mut self, proof: &Proof) -> Result<Result<(), Denied>, WalletError> {
        let first = if proof.first { FIRST } else { "" };
        let rows = self.sql.run(
            &format!("{} WHERE hash = ? OR old_hash = ? OR id = ?", Stored::SELECT),
            &[proof.hash.as_str().into(), proof.hash.as_str().into(), first.into()],
        )?;
        let known = rows.into_iter().map(|row| Stored::read(row, self.today())).collect::<Result<Vec<_>, _>>()?;
        let is_new = |token: &Stored| token.hash.as_ref() == Some(&proof.hash);
        let is_old = |token: &Stored| {
            token.old_hash.as_ref() == Some(&proof.hash) && token.old_until.is_some_and(|until| until > self.now)
        };
        let implicit = proof.first && !known.iter().any(|token| token.caller.id.0 == FIRST);
        let token = known.into_iter().find(|token| is_new(token) || is_old(token));
        if token.is_none() && !implicit {
            return Ok(Err(Denied::Wrong));
        }
        if self.account.merged_into.is_some() {
            return Ok(Err(Denied::Merged));
        }
        let Some(token) = token else {
            self.store_first(&proof.hash)?;
            let (id, caps) = (TokenId(FIRST.to_owned()), Caps::default());
            self.caller = Some(Caller { id, manage: true, caps, spent_day: Cents::ZERO, spent_total: Cents::ZERO });
            return Ok(Ok(()));
        };
        if token.expires_at.is_some_and(|at| at <= self.now) {
            return Ok(Err(Denied::Expired));
        }
        let replaces = is_new(&token) && token.old_hash.is_some();
        if replaces || token.last_used_day != Some(self.today()) {
            let keep_old = i64::from(!replaces);
            self.sql.run(
                "UPDATE tokens SET last_used_day = ?, old_hash = IIF(?, old_hash, NULL) WHERE id = ?",
                &[self.today().into(), keep_old.into(), token.caller.id.as_str().into()],
            )?;
        }
        self.caller = Some(token.caller);
        Ok(Ok(()))
    }

    /// The caller's token.
    pub(crate) fn caller_id(&self) -> Option<&TokenId> {
        self.caller.as_ref().map(|caller| &caller.id)
    }

    /// Whether a token has not ended.
    pub(crate) fn has_token(&self, id: &TokenId) -> Result<bool, SqlError> {
        match self.sql.run("SELECT hash FROM tokens WHERE id = ?", &[id.as_str().into()])?.pop() {
            Some(row) => Ok(Reader::new(row).optional_text()?.is_some()),
            None => Ok(id.0 == FIRST),
        }
    }

    /// Whether the caller may manage the account; we may.
    pub(crate) fn may_manage(&self) -> bool {
        self.caller.as_ref().is_none_or(|caller| caller.manage)
    }

    /// The first token gets a row when it is first used on a registered account.
    fn store_first(&self, hash: &str) -> Result<(), SqlError> {
        self.sql.run(
            "INSERT INTO tokens (id, hash, label, manage, login, created_at, last_used_day) VALUES (?, ?, ?, 1, 0, ?, ?)",
            &[FIRST.into(), hash.into(), "first".into(), self.account.registered_at.into(), self.today().into()],
        )?;
        Ok(())
    }

    /// Makes a token. Repeated, it is the same token.
    pub(crate) fn mint(&self, token: &NewToken) -> Result<Result<(), Refusal>, WalletError> {
        let known = self.sql.run("SELECT hash FROM tokens WHERE id = ?", &[token.id.as_str().into()])?.pop();
        if let Some(known) = known {
            let same = Reader::new(known).optional_text()?.as_ref() == Some(&token.hash);
            return if same { Ok(Ok(())) } else { Err(SqlError("an id was used for two tokens".into()).into()) };
        }
        if self.count_tokens()? >= MAX_TOKENS as i64 {
            return Ok(Err(Refusal::TooManyTokens));
        }
        self.sql.run(
            "INSERT INTO tokens (id, hash, label, manage, login, cap_day, cap_total, created_at, expires_at)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            &[
                token.id.as_str().into(),
                token.hash.as_str().into(),
                token.label.as_str().into(),
                i64::from(token.manage).into(),
                i64::from(token.login).into(),
                token.caps.day.map(Cents::units).into(),
                token.caps.total.map(Cents::units).into(),
                self.now.into(),
                token.expires_at.into(),
            ],
        )?;
        Ok(Ok(()))
    }

    fn count_tokens(&self) -> Result<i64, SqlError> {
        let mut rows = self.sql.run("SELECT COUNT(*) FROM tokens", &[])?;
        Reader::new(rows.pop().unwrap_or_default()).integer()
    }

    /// The caller's token, if what it spends is counted.
    pub(crate) fn capped_token(&self) -> Option<TokenId> {
        let caller = self.caller.as_ref()?;
        (caller.caps != Caps::default()).then(|| caller.id.clone())
    }

    /// Whether a cap of the caller's token stands against so much more; what it has held counts as spent.
    pub(super) fn cap_on(&self, amount: Cents) -> Result<Option<Refusal>, WalletError> {
        let Some(caller) = &self.caller else { return Ok(None) };
        let mut mine = self.open_holds().filter(|hold| hold.token.as_ref() == Some(&caller.id));
        let held = mine.try_fold(Cents::ZERO, |sum, hold| sum.checked_add(hold.amount)).ok_or(WalletError::Overflow)?;
        let caps = [(Cap::Day, caller.caps.day, caller.spent_day), (Cap::Total, caller.caps.total, caller.spent_total)];
        for (cap, limit, spent) in caps {
            let Some(limit) = limit else { continue };
            let left = limit.checked_sub(spent).ok_or(WalletError::Overflow)?.max(Cents::ZERO);
            if left.checked_sub(held).is_none_or(|free| free < amount) {
                return Ok(Some(Refusal::TokenCap { cap, limit, left }));
            }
        }
        Ok(None)
    }

    /// Counts what a token with a cap has spent; one that has ended meanwhile counts nothing.
    pub(super) fn count_spent(&self, token: Option<&TokenId>, amount: Cents) -> Result<(), SqlError> {
        let Some(token) = token else { return Ok(()) };
        let (today, units, most): (Value, Value, Value) =
            (self.today().into(), amount.units().into(), Cents::MAX.units().into());
        self.sql.run(
            "UPDATE tokens SET spent_day = MIN(IIF(spent_day_date = ?, spent_day, 0) + ?, ?), spent_day_date = ?,
             spent_total = MIN(spent_total + ?, ?) WHERE id = ?",
            &[today.clone(), units.clone(), most.clone(), today, units, most, token.as_str().into()],
        )?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::hold::DELIVERY_MS;
    use super::super::testing::database;
    use super::super::{Account, Charge, Credit, Ending, HoldId, IdempotencyKey, Outcome, Overdraft, Role, Settled};
    use super::*;
    use crate::account::Token;
    use crate::schema::{Schema, migrate};

    const SCHEMA: Schema = Schema::of::<()>();
    /// Noon.
    const NOW: Millis = 20_000 * DAY_MS + DAY_MS / 2;

    fn first() -> Proof {
        Proof { hash: "00".repeat(32), first: true }
    }

    fn proof(name: &str) -> Proof {
        Proof { hash: name.to_owned(), first: false }
    }

    fn token(name: &str) -> NewToken {
        NewToken {
            id: TokenId(format!("id-{name}")),
            hash: name.to_owned(),
            label: name.to_owned(),
            manage: false,
            login: false,
            caps: Caps::default(),
            expires_at: None,
        }
    }

    fn capped(name: &str, day: Option<i64>, total: Option<i64>) -> NewToken {
        NewToken { caps: Caps { day: day.map(Cents::new), total: total.map(Cents::new) }, ..token(name) }
    }

    fn at<T>(sql: &rusqlite::Connection, now: Millis, act: impl FnOnce(&mut Wallet<'_>) -> T) -> T {
        let mut wallet = Wallet::load(sql, &SCHEMA, now).unwrap().unwrap();
        let result = act(&mut wallet);
        wallet.save().unwrap();
        result
    }

    fn account(cents: i64, tokens: &[NewToken]) -> rusqlite::Connection {
        let sql = database();
        migrate(&sql, Role::Account, &SCHEMA).unwrap();
        let id = Token::generate("1").account().clone();
        let mut wallet = Wallet::load_or_register(&sql, &SCHEMA, NOW, &id).unwrap();
        wallet
            .credit(&Credit { account: id, key: "cs".into(), amount: Cents::new(cents), payment_intent: None })
            .unwrap();
        for token in tokens {
            wallet.mint(token).unwrap().unwrap();
        }
        wallet.save().unwrap();
        sql
    }

    fn opens(sql: &rusqlite::Connection, now: Millis, proof: &Proof) -> Result<(), Denied> {
        at(sql, now, |wallet| wallet.authenticate(proof).unwrap())
    }

    fn reserve(sql: &rusqlite::Connection, now: Millis, name: &str, cents: i64) -> Result<HoldId, Refusal> {
        at(sql, now, |wallet| {
            wallet.authenticate(&proof(name)).unwrap().unwrap();
            let hold = HoldId::generate(now);
            wallet.reserve(&hold, Cents::new(cents), 60).unwrap().map(|()| hold)
        })
    }

    fn ending(hold: &HoldId, outcome: Outcome, token: Option<&str>) -> Ending {
        Ending { hold: hold.clone(), outcome, key: None, token: token.map(|name| TokenId(format!("id-{name}"))) }
    }

    fn capture(cents: i64, late: bool) -> Outcome {
        Outcome::Capture { amount: Cents::new(cents), detail: "GET /".into(), late }
    }

    fn number(sql: &rusqlite::Connection, select: &str) -> i64 {
        use crate::wallet::Sql;
        Reader::new(sql.run(select, &[]).unwrap().pop().unwrap()).integer().unwrap()
    }

    #[test]
    fn only_tokens_of_the_account_open_it_and_each_in_its_time() {
        let expiring = NewToken { expires_at: Some(NOW + 1), ..token("expiring") };
        let sql = account(10, &[token("further"), expiring]);
        assert_eq!(opens(&sql, NOW, &first()), Ok(()));
        assert_eq!(opens(&sql, NOW, &Proof { first: false, ..first() }), Ok(()), "its hash is known by now");
        assert_eq!(opens(&sql, NOW, &proof("further")), Ok(()));
        assert_eq!(opens(&sql, NOW, &proof("expiring")), Ok(()));
        assert_eq!(opens(&sql, NOW + 1, &proof("expiring")), Err(Denied::Expired));
        for stranger in ["", "first", "id-further", "id-first"] {
            assert_eq!(opens(&sql, NOW, &proof(stranger)), Err(Denied::Wrong), "{stranger}");
        }
        assert_eq!(opens(&sql, NOW, &Proof { first: true, ..proof("another") }), Err(Denied::Wrong));

        sql.execute("UPDATE tokens SET hash = NULL WHERE id = 'first'", []).unwrap();
        assert_eq!(opens(&sql, NOW, &first()), Err(Denied::Wrong), "it has ended");
        sql.execute("UPDATE users SET merged_into = account_id", []).unwrap();
        assert_eq!(opens(&sql, NOW, &proof("further")), Err(Denied::Merged));
        assert_eq!(opens(&sql, NOW, &proof("stranger")), Err(Denied::Wrong));
    }

    #[test]
    fn a_token_that_spends_sees_no_person() {
        let sql = account(10, &[token("spends"), NewToken { manage: true, ..token("manages") }]);
        sql.execute("UPDATE users SET name = 'Ada', email = 'a@b', card_fingerprint = 'f', verified_email = 'c@d'", [])
            .unwrap();
        for (proof, sees) in [(first(), true), (proof("manages"), true), (proof("spends"), false)] {
            let mut wallet = Wallet::load(&sql, &SCHEMA, NOW).unwrap().unwrap();
            wallet.authenticate(&proof).unwrap().unwrap();
            let Account { name, email, card_fingerprint, verified_email, .. } = wallet.save().unwrap();
            for field in [name, email, card_fingerprint, verified_email] {
                assert_eq!(field.is_some(), sees, "{proof:?}");
            }
        }
    }

    #[test]
    fn use_is_written_once_a_day() {
        let sql = account(10, &[token("further")]);
        let changes = |sql: &rusqlite::Connection| sql.total_changes();
        for proof in [first(), proof("further")] {
            for (now, rows) in [(NOW, 1), (NOW, 0), (NOW + 1, 0), (NOW + DAY_MS, 1), (NOW + DAY_MS, 0)] {
                let before = changes(&sql);
                opens(&sql, now, &proof).unwrap();
                assert_eq!(changes(&sql) - before, rows, "{proof:?} {now}");
            }
        }
    }

    #[test]
    fn a_token_is_minted_once_and_there_are_not_too_many() {
        let sql = account(10, &[token("a")]);
        at(&sql, NOW, |wallet| {
            wallet.mint(&token("a")).unwrap().unwrap();
            assert!(wallet.mint(&NewToken { hash: "other".into(), ..token("a") }).is_err());
            for number in 1..MAX_TOKENS {
                wallet.mint(&token(&number.to_string())).unwrap().unwrap();
            }
            assert_eq!(wallet.mint(&token("one more")).unwrap(), Err(Refusal::TooManyTokens));
            assert_eq!(wallet.mint(&token("a")).unwrap(), Ok(()), "it is there already");
        });
        assert_eq!(number(&sql, "SELECT COUNT(*) FROM tokens"), MAX_TOKENS as i64);
    }

    #[test]
    fn a_cap_counts_what_is_held_and_what_was_captured_late_too() {
        let sql = account(1_000, &[capped("day", Some(10), None), capped("total", Some(50), Some(15)), token("free")]);
        let refused =
            |cap, limit, left| Err(Refusal::TokenCap { cap, limit: Cents::new(limit), left: Cents::new(left) });
        let held = reserve(&sql, NOW, "day", 6).unwrap();
        assert_eq!(reserve(&sql, NOW, "day", 5).map(drop), refused(Cap::Day, 10, 10), "it is held");
        assert_eq!(reserve(&sql, NOW, "total", 15).map(drop), Ok(()), "each token for itself");
        assert_eq!(reserve(&sql, NOW, "free", 500).map(drop), Ok(()));
        at(&sql, NOW, |wallet| wallet.settle(&ending(&held, capture(4, false), None)).unwrap());
        assert_eq!(reserve(&sql, NOW, "day", 7).map(drop), refused(Cap::Day, 10, 6));
        let released = reserve(&sql, NOW, "day", 6).unwrap();
        at(&sql, NOW, |wallet| wallet.settle(&ending(&released, Outcome::Release, None)).unwrap());

        let late = reserve(&sql, NOW, "day", 6).unwrap();
        let after = NOW + 60_000 + DELIVERY_MS;
        let settled = at(&sql, after, |wallet| wallet.settle(&ending(&late, capture(6, true), Some("day"))).unwrap());
        assert_eq!(settled, Settled::Captured);
        assert_eq!(reserve(&sql, after, "day", 1).map(drop), refused(Cap::Day, 10, 0));
        assert_eq!(reserve(&sql, NOW + DAY_MS, "day", 10).map(drop), Ok(()), "another day");
        assert_eq!(reserve(&sql, NOW + DAY_MS, "total", 16).map(drop), refused(Cap::Total, 15, 15));
    }

    #[test]
    fn charges_keep_to_a_cap_also_into_the_overdraft() {
        let sql = account(5, &[capped("a", None, Some(8))]);
        let charge = |key: &str, cents, overdraft| {
            let charge = Charge { key: key.into(), amount: Cents::new(cents), overdraft, detail: "job".into() };
            at(&sql, NOW, |wallet| {
                wallet.authenticate(&proof("a")).unwrap().unwrap();
                wallet.charge(&charge).unwrap().map(|charged| charged.already)
            })
        };
        let cap = |left| Err(Refusal::TokenCap { cap: Cap::Total, limit: Cents::new(8), left: Cents::new(left) });
        assert_eq!(charge("a", 9, Overdraft::Allow), cap(8));
        assert_eq!(charge("a", 8, Overdraft::Allow), Ok(false));
        assert_eq!(charge("a", 8, Overdraft::Allow), Ok(true), "the same charge is no second one");
        assert_eq!(charge("b", 1, Overdraft::Allow), cap(0), "and not a demand to pay");
    }

    #[test]
    fn an_idempotency_key_is_one_tokens_own() {
        let sql = account(5, &[token("a"), token("b")]);
        let key = |name: &str| {
            let key = IdempotencyKey { key: "key a".into(), fingerprint: "f".into() };
            at(&sql, NOW, |wallet| {
                wallet.authenticate(&proof(name)).unwrap().unwrap();
                wallet.of_caller(key).key
            })
        };
        assert_eq!((key("a"), key("b")), ("key a id-a".to_owned(), "key a id-b".to_owned()));
    }
}
