//! The tokens of one account: which secrets open it, what each may do, and how much each may spend.
//!
//! Of a secret its hash alone is stored. The first token, of which the account's id was made, needs no row: it opens the
//! account unless its row says otherwise.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::outbox::DAY_MS;
use super::{CardRow, Millis, Reader, Refusal, Row, SqlError, Value, Wallet, WalletError};
use crate::account::{Proof, random_text};
use crate::money::Cents;

/// Tokens an account may have.
pub(crate) const MAX_TOKENS: usize = 100;
/// The id of the first token.
const FIRST: &str = "first";
/// How long an old secret works beside a new one that is not used: 10 minutes.
const OLD_MS: Millis = 10 * 60 * 1_000;

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

/// A token as its owner sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct TokenInfo {
    pub(crate) id: TokenId,
    pub(crate) label: String,
    pub(crate) manage: bool,
    /// A login gave it.
    pub(crate) login: bool,
    /// The token it was made with.
    pub(crate) made_by: Option<TokenId>,
    pub(crate) caps: Caps,
    /// Today. Of a token without a cap nothing is counted.
    pub(crate) spent_day: Cents,
    pub(crate) spent_total: Cents,
    pub(crate) created_at: Millis,
    /// Days since 1970.
    pub(crate) last_used_day: Option<i64>,
    pub(crate) expires_at: Option<Millis>,
    /// It is the token that asks.
    pub(crate) this: bool,
}

/// The token that a command came with.
pub(super) struct Caller {
    token: TokenInfo,
    /// By a secret that has a successor.
    by_old: bool,
}

struct Stored {
    token: TokenInfo,
    hash: Option<String>,
    old_hash: Option<String>,
    old_until: Option<Millis>,
}

impl Stored {
    const SELECT: &str =
        "SELECT id, label, manage, login, made_by, cap_day, cap_total, spent_day_date, spent_day, spent_total,
        created_at, last_used_day, expires_at, hash, old_hash, old_until FROM tokens";

    fn read(row: Row, today: i64) -> Result<Self, SqlError> {
        let mut row = Reader::new(row);
        let (id, label) = (TokenId(row.text()?), row.text()?);
        let (manage, login) = (row.integer()? != 0, row.integer()? != 0);
        let made_by = row.optional_text()?.map(TokenId);
        let caps = Caps { day: row.optional_cents()?, total: row.optional_cents()? };
        let is_today = row.integer()? == today;
        let spent_day = row.cents()?;
        let token = TokenInfo {
            id,
            label,
            manage,
            login,
            made_by,
            caps,
            spent_day: if is_today { spent_day } else { Cents::ZERO },
            spent_total: row.cents()?,
            created_at: row.integer()?,
            last_used_day: row.optional_integer()?,
            expires_at: row.optional_integer()?,
            this: false,
        };
        Ok(Self {
            token,
            hash: row.optional_text()?,
            old_hash: row.optional_text()?,
            old_until: row.optional_integer()?,
        })
    }
}

impl Wallet<'_> {
    fn today(&self) -> i64 {
        self.now.div_euclid(DAY_MS)
    }

    fn stored(&self, condition: &str, parameters: &[Value]) -> Result<Vec<Stored>, SqlError> {
        let rows = self.sql.run(&format!("{} {condition}", Stored::SELECT), parameters)?;
        rows.into_iter().map(|row| Stored::read(row, self.today())).collect()
    }

    /// The first token before it has a row.
    fn first(&self) -> TokenInfo {
        TokenInfo {
            id: TokenId(FIRST.to_owned()),
            label: FIRST.to_owned(),
            manage: true,
            login: false,
            made_by: None,
            caps: Caps::default(),
            spent_day: Cents::ZERO,
            spent_total: Cents::ZERO,
            created_at: self.account.registered_at,
            last_used_day: None,
            expires_at: None,
            this: false,
        }
    }

    /// Looks whether a caller's token opens the account; what the wallet does next it does for that token.
    ///
    /// One look on most calls. A row is written on the first use of a day, and on the first use of a new secret, which
    /// ends the old one.
    pub(crate) fn authenticate(&mut self, proof: &Proof) -> Result<Result<(), Denied>, WalletError> {
        let first = if proof.first { FIRST } else { "" };
        let known = self.stored(
            "WHERE hash = ? OR old_hash = ? OR id = ?",
            &[proof.hash.as_str().into(), proof.hash.as_str().into(), first.into()],
        )?;
        let is_new = |stored: &Stored| stored.hash.as_ref() == Some(&proof.hash);
        let is_old = |stored: &Stored| {
            stored.old_hash.as_ref() == Some(&proof.hash) && stored.old_until.is_some_and(|until| until > self.now)
        };
        let implicit = proof.first && !known.iter().any(|stored| stored.token.id.0 == FIRST);
        let found = known.into_iter().find(|stored| is_new(stored) || is_old(stored));
        if found.is_none() && !implicit {
            return Ok(Err(Denied::Wrong));
        }
        if self.account.merged_into.is_some() {
            return Ok(Err(Denied::Merged));
        }
        let Some(stored) = found else {
            self.store_first(Some(&proof.hash))?;
            self.caller = Some(Caller { token: self.first(), by_old: false });
            return Ok(Ok(()));
        };
        let token = &stored.token;
        if token.expires_at.is_some_and(|at| at <= self.now) {
            return Ok(Err(Denied::Expired));
        }
        let replaces = is_new(&stored) && stored.old_hash.is_some();
        if replaces || token.last_used_day != Some(self.today()) {
            self.sql.run(
                "UPDATE tokens SET last_used_day = ?, old_hash = IIF(?, NULL, old_hash) WHERE id = ?",
                &[self.today().into(), i64::from(replaces).into(), token.id.as_str().into()],
            )?;
        }
        self.caller = Some(Caller { by_old: !is_new(&stored), token: stored.token });
        Ok(Ok(()))
    }

    /// The caller's token.
    pub(crate) fn caller_id(&self) -> Option<&TokenId> {
        self.caller.as_ref().map(|caller| &caller.token.id)
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
        self.caller.as_ref().is_none_or(|caller| caller.token.manage)
    }

    /// The first token gets a row when it is first used on a registered account, or ends.
    fn store_first(&self, hash: Option<&str>) -> Result<(), SqlError> {
        let used = hash.map(|_| self.today());
        self.sql.run(
            "INSERT INTO tokens (id, hash, label, manage, login, created_at, last_used_day) VALUES (?, ?, ?, 1, 0, ?, ?)
             ON CONFLICT (id) DO UPDATE SET hash = excluded.hash, old_hash = NULL",
            &[FIRST.into(), hash.into(), FIRST.into(), self.account.registered_at.into(), used.into()],
        )?;
        Ok(())
    }

    /// Makes a token. Repeated, it is the same token.
    ///
    /// Where there are too many, those whose time is over make room; for a login so does the one of an earlier login that
    /// was not used for the longest time.
    pub(crate) fn mint(&self, token: &NewToken) -> Result<Result<(), Refusal>, WalletError> {
        if let Some(known) = self.stored("WHERE id = ?", &[token.id.as_str().into()])?.pop() {
            let same = known.hash.as_ref() == Some(&token.hash);
            return if same { Ok(Ok(())) } else { Err(SqlError("an id was used for two tokens".into()).into()) };
        }
        if self.is_full()? {
            self.sql.run("DELETE FROM tokens WHERE expires_at <= ?", &[self.now.into()])?;
        }
        if self.is_full()? && token.login {
            let oldest = "SELECT id FROM tokens WHERE login = 1 ORDER BY last_used_day, created_at LIMIT 1";
            self.sql.run(&format!("DELETE FROM tokens WHERE id IN ({oldest})"), &[])?;
        }
        if self.is_full()? {
            return Ok(Err(Refusal::TooManyTokens));
        }
        self.sql.run(
            "INSERT INTO tokens (id, hash, label, manage, login, made_by, cap_day, cap_total, created_at, expires_at)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            &[
                token.id.as_str().into(),
                token.hash.as_str().into(),
                token.label.as_str().into(),
                i64::from(token.manage).into(),
                i64::from(token.login).into(),
                self.caller_id().map(TokenId::as_str).into(),
                token.caps.day.map(Cents::units).into(),
                token.caps.total.map(Cents::units).into(),
                self.now.into(),
                token.expires_at.into(),
            ],
        )?;
        Ok(Ok(()))
    }

    fn is_full(&self) -> Result<bool, SqlError> {
        let mut rows = self.sql.run("SELECT COUNT(*) FROM tokens", &[])?;
        Ok(Reader::new(rows.pop().unwrap_or_default()).integer()? >= MAX_TOKENS as i64)
    }

    /// All tokens that have not ended, the oldest first.
    pub(crate) fn tokens(&self) -> Result<Vec<TokenInfo>, WalletError> {
        let stored = self.stored("ORDER BY created_at, id", &[])?;
        let implicit = !stored.iter().any(|stored| stored.token.id.0 == FIRST);
        let living = stored.into_iter().filter(|stored| stored.hash.is_some()).map(|stored| stored.token);
        let mut tokens: Vec<TokenInfo> = implicit.then(|| self.first()).into_iter().chain(living).collect();
        for token in &mut tokens {
            token.this = Some(&token.id) == self.caller_id();
        }
        Ok(tokens)
    }

    /// Gives the caller's token a new secret. The old one works until the new one is first used, or its time is over;
    /// who lost the new one may ask for another with the old one.
    ///
    /// # Panics
    /// Without a caller.
    pub(crate) fn rotate(&self, hash: &str) -> Result<(), SqlError> {
        let caller = self.caller.as_ref().expect("whoever has a token");
        let (by_old, until) = (Value::from(i64::from(caller.by_old)), Value::from(self.now + OLD_MS));
        self.sql.run(
            "UPDATE tokens SET old_hash = IIF(?, old_hash, hash), old_until = IIF(?, old_until, ?), hash = ? WHERE id = ?",
            &[by_old.clone(), by_old, until, hash.into(), caller.token.id.as_str().into()],
        )?;
        Ok(())
    }

    /// Ends a token and those that were made with it, which may be in the same wrong hands; the caller's is not among these.
    /// Refused, when it is the caller's own and the last way to the account's money.
    pub(crate) fn revoke(&mut self, id: &TokenId) -> Result<Result<(), Refusal>, WalletError> {
        let mut living = self.tokens()?;
        let mut ending = vec![id.clone()];
        let mut next = 0;
        while let Some(by) = ending.get(next).cloned() {
            let made = |token: &TokenInfo| token.made_by.as_ref() == Some(&by) && !token.this;
            ending.extend(living.iter().filter(|token| made(token)).map(|token| token.id.clone()));
            living.retain(|token| !made(token));
            next += 1;
        }
        if self.caller_id() == Some(id) && self.locks_out(&ending, false)? {
            return Ok(Err(Refusal::LastToken));
        }
        for id in &ending {
            self.end_token(id)?;
        }
        Ok(Ok(()))
    }

    /// A browser forgets the caller's token. One that a login gave ends with it; others may be kept elsewhere, too.
    ///
    /// Refused, unless `forget`, when it is the last way to the account's money.
    pub(crate) fn log_out(&mut self, forget: bool) -> Result<Result<(), Refusal>, WalletError> {
        let Some(Caller { token, .. }) = &self.caller else { return Ok(Ok(())) };
        if !forget && token.manage && self.locks_out(std::slice::from_ref(&token.id), true)? {
            return Ok(Err(Refusal::LastToken));
        }
        if token.login {
            // The cards it claimed stay: nobody says that it was in the wrong hands.
            self.sql.run("DELETE FROM tokens WHERE id = ?", &[token.id.as_str().into()])?;
        }
        Ok(Ok(()))
    }

    /// Gives the caller's token a new secret at once, and ends all others.
    ///
    /// # Panics
    /// Without a caller.
    pub(crate) fn log_out_everywhere(&mut self, hash: &str) -> Result<(), WalletError> {
        let caller = self.caller_id().expect("whoever has a token").clone();
        for token in self.tokens()?.into_iter().filter(|token| !token.this) {
            self.end_token(&token.id)?;
        }
        // Also what tokens claimed that have ended before.
        self.release_cards_but(Some(&caller))?;
        let parameters = [hash.into(), caller.as_str().into()];
        self.sql.run("UPDATE tokens SET hash = ?, old_hash = NULL WHERE id = ?", &parameters)?;
        Ok(())
    }

    /// Whether a token has this secret: the command that gave it came before.
    pub(crate) fn has_hash(&self, hash: &str) -> Result<bool, SqlError> {
        Ok(!self.sql.run("SELECT 1 FROM tokens WHERE hash = ?", &[hash.into()])?.is_empty())
    }

    /// Ends a token, and all that hangs on it.
    pub(super) fn end_token(&mut self, id: &TokenId) -> Result<(), WalletError> {
        if id.0 == FIRST {
            self.store_first(None)?;
        } else {
            self.sql.run("DELETE FROM tokens WHERE id = ?", &[id.as_str().into()])?;
        }
        self.release_cards_of(id)
    }

    /// Whether nobody could get at the account's money any more without these tokens, and what they claimed.
    fn locks_out(&self, gone: &[TokenId], cards_stay: bool) -> Result<bool, WalletError> {
        let lives = |token: &TokenInfo| {
            token.manage && token.expires_at.is_none_or(|at| at > self.now) && !gone.contains(&token.id)
        };
        let logs_in = |card: &CardRow| cards_stay || !gone.contains(&card.token);
        Ok(self.account.balance.is_positive()
            && !self.tokens()?.iter().any(lives)
            && !self.cards()?.iter().any(logs_in))
    }

    /// The caller's token, if what it spends is counted.
    pub(crate) fn capped_token(&self) -> Option<TokenId> {
        let token = &self.caller.as_ref()?.token;
        (token.caps != Caps::default()).then(|| token.id.clone())
    }

    /// Whether a cap of the caller's token stands against so much more; what it has held counts as spent.
    pub(super) fn cap_on(&self, amount: Cents) -> Result<Option<Refusal>, WalletError> {
        self.caller.as_ref().map_or(Ok(None), |caller| self.cap_of(&caller.token, amount))
    }

    /// Whether a hold's token may still spend so much, now that the hold is gone. One that has ended was let in before.
    pub(super) fn may_spend_late(&self, token: Option<&TokenId>, amount: Cents) -> Result<bool, WalletError> {
        let Some(token) = token else { return Ok(true) };
        let known = self.stored("WHERE id = ?", &[token.as_str().into()])?.pop();
        Ok(known.map_or(Ok(None), |stored| self.cap_of(&stored.token, amount))?.is_none())
    }

    fn cap_of(&self, token: &TokenInfo, amount: Cents) -> Result<Option<Refusal>, WalletError> {
        let mut mine = self.open_holds().filter(|hold| hold.token.as_ref() == Some(&token.id));
        let held = mine.try_fold(Cents::ZERO, |sum, hold| sum.checked_add(hold.amount)).ok_or(WalletError::Overflow)?;
        let caps = [(Cap::Day, token.caps.day, token.spent_day), (Cap::Total, token.caps.total, token.spent_total)];
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
    use super::super::{
        Account, Charge, Credit, Ending, HoldId, IdempotencyKey, Outcome, Overdraft, Report, Role, Settled,
    };
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
        let gone = HoldId::generate(NOW);
        let settled = at(&sql, after, |wallet| wallet.settle(&ending(&gone, capture(1, true), Some("day"))).unwrap());
        assert_eq!(settled, Settled::Gone, "others have spent what it had held");
        assert_eq!(reserve(&sql, NOW + DAY_MS, "day", 10).map(drop), Ok(()), "another day");
        assert_eq!(reserve(&sql, NOW + DAY_MS, "total", 16).map(drop), refused(Cap::Total, 15, 15));
    }

    #[test]
    fn a_cap_counts_what_a_stream_reported_that_died() {
        let sql = account(1_000, &[capped("day", Some(10), None)]);
        let held = reserve(&sql, NOW, "day", 6).unwrap();
        let report = Report { amount: Cents::new(4), detail: "GET /".into() };
        assert!(at(&sql, NOW, |wallet| wallet.renew(&held, &report, 60).unwrap()));
        let after = NOW + 60_000 + DELIVERY_MS;
        at(&sql, after, |wallet| wallet.expire().unwrap());
        let (limit, left) = (Cents::new(10), Cents::new(6));
        let refused = Err(Refusal::TokenCap { cap: Cap::Day, limit, left });
        assert_eq!(reserve(&sql, after, "day", 7).map(drop), refused);
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

    #[test]
    fn a_token_rotates_without_a_moment_in_which_nothing_works() {
        let sql = account(10, &[capped("a", None, Some(8))]);
        let rotate = |now, with: &Proof, to: &str| {
            at(&sql, now, |wallet| wallet.authenticate(with).unwrap().map(|()| wallet.rotate(to).unwrap()))
        };
        let held = reserve(&sql, NOW, "a", 5).unwrap();
        at(&sql, NOW, |wallet| wallet.settle(&ending(&held, capture(5, false), None)).unwrap());

        for _ in 0..2 {
            rotate(NOW, &proof("a"), "b").unwrap();
            assert_eq!(number(&sql, "SELECT COUNT(*) FROM tokens WHERE hash = 'b' AND old_hash = 'a'"), 1);
        }
        assert_eq!(opens(&sql, NOW + OLD_MS - 1, &proof("a")), Ok(()), "nobody has used the new one");
        rotate(NOW + OLD_MS - 1, &proof("a"), "c").unwrap();
        assert_eq!(opens(&sql, NOW, &proof("b")), Err(Denied::Wrong), "it was lost on its way");
        assert_eq!(opens(&sql, NOW + OLD_MS, &proof("a")), Err(Denied::Wrong), "its time did not begin anew");
        assert_eq!(opens(&sql, NOW + OLD_MS, &proof("c")), Ok(()));

        rotate(NOW, &proof("c"), "d").unwrap();
        assert_eq!(opens(&sql, NOW, &proof("c")), Ok(()));
        assert_eq!(opens(&sql, NOW, &proof("d")), Ok(()));
        assert_eq!(opens(&sql, NOW, &proof("c")), Err(Denied::Wrong), "the new one was used");
        let left = Refusal::TokenCap { cap: Cap::Total, limit: Cents::new(8), left: Cents::new(3) };
        assert_eq!(reserve(&sql, NOW, "d", 4).map(drop), Err(left), "caps and what was spent stay");

        rotate(NOW, &first(), "e").unwrap();
        assert_eq!(opens(&sql, NOW, &proof("e")), Ok(()));
        assert_eq!(opens(&sql, NOW, &first()), Err(Denied::Wrong), "the first one like any other");
    }

    #[test]
    fn a_revoked_token_stops_and_the_last_way_to_money_does_not() {
        let sql = account(10, &[token("spends"), NewToken { manage: true, ..token("manages") }]);
        let revoke = |with: &Proof, id: &str| {
            at(&sql, NOW, |wallet| {
                wallet.authenticate(with).unwrap().unwrap();
                wallet.revoke(&TokenId(id.to_owned())).unwrap()
            })
        };
        for _ in 0..2 {
            assert_eq!(revoke(&first(), "id-spends"), Ok(()));
        }
        assert_eq!(opens(&sql, NOW, &proof("spends")), Err(Denied::Wrong));
        assert_eq!(revoke(&proof("manages"), "first"), Ok(()));
        assert_eq!(opens(&sql, NOW, &first()), Err(Denied::Wrong));
        assert_eq!(revoke(&proof("manages"), "id-manages"), Err(Refusal::LastToken));
        assert_eq!(opens(&sql, NOW, &proof("manages")), Ok(()));
    }

    #[test]
    fn what_was_made_or_claimed_with_a_revoked_token_goes_with_it() {
        let manages = |name: &str| NewToken { manage: true, ..token(name) };
        let sql = account(10, &[manages("stolen"), manages("other")]);
        for (by, name) in [("stolen", "a"), ("a", "b"), ("b", "c"), ("stolen", "spends"), ("other", "d")] {
            at(&sql, NOW, |wallet| {
                wallet.authenticate(&proof(by)).unwrap().unwrap();
                wallet.mint(&if name == "spends" { token(name) } else { manages(name) }).unwrap().unwrap();
            });
        }
        for (id, token) in [("1", "id-stolen"), ("2", "id-b"), ("3", "id-other")] {
            let insert = "INSERT INTO cards (id, identity, label, token, payment, claim, state, at)
                VALUES (?1, ?1, 'visa', ?2, 'p', ?1, 'owned', 1)";
            sql.execute(insert, [id, token]).unwrap();
        }
        at(&sql, NOW, |wallet| {
            wallet.authenticate(&proof("b")).unwrap().unwrap();
            wallet.revoke(&TokenId("id-stolen".into())).unwrap().unwrap();
            let left: Vec<_> = wallet.tokens().unwrap().into_iter().map(|token| token.label).collect();
            assert_eq!(left, ["first", "b", "c", "d", "other"], "whoever revokes stays, and what it has made");
            let cards: Vec<_> = wallet.cards().unwrap().into_iter().map(|card| card.id).collect();
            assert_eq!(cards, ["2", "3"]);
            // The login that began to claim it is over.
            wallet
                .sql
                .run("UPDATE cards SET state = 'claiming', claim = 7, token = 'gone' WHERE id = '3'", &[])
                .unwrap();
            wallet.log_out_everywhere("fresh").unwrap();
            wallet.claimed("3", 7, true).unwrap();
            let cards: Vec<_> = wallet.cards().unwrap().into_iter().map(|card| card.id).collect();
            assert_eq!(cards, ["2"], "only what this very token claimed, and nothing that is yet to be");
        });
    }

    #[test]
    fn no_token_ends_itself_with_all_that_could_take_its_place() {
        let sql = account(10, &[]);
        let first_does = |act: fn(&mut Wallet<'_>) -> Result<Result<(), Refusal>, WalletError>| {
            at(&sql, NOW, |wallet| {
                wallet.authenticate(&first()).unwrap().unwrap();
                act(wallet).unwrap()
            })
        };
        let revoke = |wallet: &mut Wallet<'_>| wallet.revoke(&TokenId(FIRST.into()));
        first_does(|wallet| wallet.mint(&NewToken { manage: true, ..token("made") })).unwrap();
        assert_eq!(first_does(revoke), Err(Refusal::LastToken), "what it made would end with it");
        let insert = "INSERT INTO cards (id, identity, label, token, payment, claim, state, at)
            VALUES ('c', 'c', 'visa', 'first', 'p', 1, 'owned', 1)";
        sql.execute(insert, []).unwrap();
        assert_eq!(first_does(revoke), Err(Refusal::LastToken), "and so would its card");
        sql.execute("UPDATE tokens SET hash = NULL WHERE id = 'id-made'", []).unwrap();
        assert_eq!(first_does(|wallet| wallet.log_out(false)), Ok(()), "its card stays, and logs in");
        sql.execute("UPDATE cards SET token = 'another'", []).unwrap();
        assert_eq!(first_does(revoke), Ok(()));
        assert_eq!(opens(&sql, NOW, &first()), Err(Denied::Wrong));
    }

    #[test]
    fn logging_out_ends_what_a_login_gave_and_loses_no_money() {
        let login = NewToken { manage: true, login: true, ..token("login") };
        let sql = account(10, &[login.clone(), token("spends")]);
        let log_out = |with: &Proof, forget| {
            at(&sql, NOW, |wallet| {
                wallet.authenticate(with).unwrap().unwrap();
                wallet.log_out(forget).unwrap()
            })
        };
        assert_eq!(log_out(&proof("spends"), false), Ok(()));
        assert_eq!(opens(&sql, NOW, &proof("spends")), Ok(()), "no login gave it");
        assert_eq!(log_out(&proof("login"), false), Ok(()));
        assert_eq!(opens(&sql, NOW, &proof("login")), Err(Denied::Wrong));
        assert_eq!(log_out(&first(), false), Err(Refusal::LastToken));
        assert_eq!(log_out(&first(), true), Ok(()));
        assert_eq!(opens(&sql, NOW, &first()), Ok(()), "somebody may have kept it");

        at(&sql, NOW, |wallet| wallet.mint(&login).unwrap().unwrap());
        at(&sql, NOW, |wallet| {
            wallet.authenticate(&proof("login")).unwrap().unwrap();
            wallet.log_out_everywhere("fresh").unwrap();
        });
        for ended in [first(), proof("spends"), proof("login")] {
            assert_eq!(opens(&sql, NOW, &ended), Err(Denied::Wrong));
        }
        assert_eq!(opens(&sql, NOW, &proof("fresh")), Ok(()));
        let left = at(&sql, NOW, |wallet| wallet.tokens().unwrap());
        assert_eq!(left.iter().map(|token| token.id.as_str()).collect::<Vec<_>>(), ["id-login"]);
    }

    #[test]
    fn expired_tokens_make_room_and_for_a_login_an_old_one_does() {
        let sql = account(10, &[]);
        at(&sql, NOW, |wallet| {
            wallet.mint(&NewToken { expires_at: Some(NOW + 1), ..token("expires") }).unwrap().unwrap();
            for number in 1..MAX_TOKENS {
                let login = number == 50 || number == 60;
                wallet.mint(&NewToken { login, ..token(&number.to_string()) }).unwrap().unwrap();
            }
            assert_eq!(wallet.mint(&token("more")).unwrap(), Err(Refusal::TooManyTokens));
        });
        opens(&sql, NOW, &proof("50")).unwrap();
        at(&sql, NOW + 1, |wallet| {
            wallet.mint(&token("more")).unwrap().unwrap();
            assert_eq!(wallet.mint(&token("and more")).unwrap(), Err(Refusal::TooManyTokens));
            wallet.mint(&NewToken { login: true, ..token("login") }).unwrap().unwrap();
        });
        assert_eq!(opens(&sql, NOW, &proof("50")), Ok(()));
        assert_eq!(opens(&sql, NOW, &proof("60")), Err(Denied::Wrong), "it was never used");
    }
}
