use super::FIRST;
use crate::account::tokens::{Caller, Caps, Denied, KnownToken, TokenId, TokenInfo};
use crate::account::wallet::Wallet;
use crate::clock::{DAY_MS, Millis};
use crate::error::WalletError;
use crate::identity::Proof;
use crate::money::Cents;
use crate::sql::{Reader, Row, SqlError, Value, read_all};
pub(super) struct Stored {
    pub(super) token: TokenInfo,
    pub(super) hash: Option<String>,
    pub(super) old_hash: Option<String>,
    pub(super) old_until: Option<Millis>,
}

impl Stored {
    const SELECT: &str =
        "SELECT id, label, manage, login, made_by, cap_day, cap_total, spent_day_date, spent_day, spent_total,
        created_at, last_used_day, expires_at, hash, old_hash, old_until FROM tokens";

    pub(super) fn read(row: Row, today: i64) -> Result<Self, SqlError> {
        let mut row = Reader::new(row);
        let (id, label) = (TokenId(row.text()?), row.text()?);
        let (manage, login) = (row.integer()? != 0, row.integer()? != 0);
        let made_by = row.optional_text()?.map(TokenId);
        let caps = Caps { day: row.optional_cents()?, total: row.optional_cents()? };
        // A clock that went back over midnight gives nothing anew.
        let is_today = row.integer()? >= today;
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
            spent_days: Vec::new(),
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

impl TokenInfo {
    fn is_over(&self, now: Millis) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }
}

impl Wallet<'_> {
    pub(super) fn today(&self) -> i64 {
        self.now.div_euclid(DAY_MS)
    }

    pub(super) fn stored(&self, condition: &str, parameters: &[Value]) -> Result<Vec<Stored>, SqlError> {
        let rows = self.sql.run(&format!("{} {condition}", Stored::SELECT), parameters)?;
        read_all(rows, |row| Stored::read(row, self.today()))
    }

    /// The first token before it has a row.
    pub(super) fn first(&self) -> TokenInfo {
        TokenInfo {
            id: TokenId(FIRST.to_owned()),
            label: FIRST.to_owned(),
            manage: true,
            login: false,
            made_by: None,
            caps: Caps::default(),
            spent_day: Cents::ZERO,
            spent_total: Cents::ZERO,
            spent_days: Vec::new(),
            created_at: self.account.registered_at,
            last_used_day: None,
            expires_at: None,
            this: false,
        }
    }

    /// Looks whether a caller's token opens the account; what the wallet does next it does for that token.
    ///
    /// A row is written on the first use of a day, and on the first use of a new secret, which ends the old one.
    pub fn authenticate(&mut self, proof: &Proof) -> Result<Result<(), Denied>, WalletError> {
        let today = self.today();
        let known = self.known.token(&proof.hash).filter(|known| known.day == today && !known.token.is_over(self.now));
        if let Some(KnownToken { token, .. }) = known {
            self.caller = Some(Caller { token: token.clone(), by_old: false });
            return Ok(Ok(()));
        }
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
        let Some(stored) = found else {
            self.store_first(Some(&proof.hash))?;
            self.caller = Some(Caller { token: self.first(), by_old: false });
            return Ok(Ok(()));
        };
        let token = &stored.token;
        if token.is_over(self.now) {
            return Ok(Err(Denied::Expired));
        }
        let replaces = is_new(&stored) && stored.old_hash.is_some();
        if replaces || token.last_used_day != Some(self.today()) {
            self.sql.run(
                "UPDATE tokens SET last_used_day = ?, old_hash = IIF(?, NULL, old_hash) WHERE id = ?",
                &[self.today().into(), i64::from(replaces).into(), token.id.as_str().into()],
            )?;
        }
        let by_old = !is_new(&stored);
        let in_turn = stored.old_hash.is_some();
        if !in_turn && token.caps == Caps::default() {
            let (hash, token) = (proof.hash.clone(), token.clone());
            self.known.remember_token(KnownToken { hash, day: today, token });
        }
        self.caller = Some(Caller { by_old, token: stored.token });
        Ok(Ok(()))
    }

    /// The caller's token.
    pub fn caller_id(&self) -> Option<&TokenId> {
        self.caller.as_ref().map(|caller| &caller.token.id)
    }

    /// Whether a token has not ended.
    pub fn has_token(&self, id: &TokenId) -> Result<bool, SqlError> {
        match self.sql.run("SELECT hash FROM tokens WHERE id = ?", &[id.as_str().into()])?.pop() {
            Some(row) => Ok(Reader::new(row).optional_text()?.is_some()),
            None => Ok(id.0 == FIRST),
        }
    }

    /// Whether the caller may manage the account; we may.
    pub fn may_manage(&self) -> bool {
        self.caller.as_ref().is_none_or(|caller| caller.token.manage)
    }

    /// The first token gets a row when it is first used on a registered account, or ends.
    pub(super) fn store_first(&self, hash: Option<&str>) -> Result<(), SqlError> {
        let used = hash.map(|_| self.today());
        self.sql.run(
            "INSERT INTO tokens (id, hash, label, manage, login, created_at, last_used_day) VALUES (?, ?, ?, 1, 0, ?, ?)
             ON CONFLICT (id) DO UPDATE SET hash = excluded.hash, old_hash = NULL",
            &[FIRST.into(), hash.into(), FIRST.into(), self.account.registered_at.into(), used.into()],
        )?;
        Ok(())
    }

    /// All tokens that have not ended, the oldest first.
    pub fn tokens(&self) -> Result<Vec<TokenInfo>, WalletError> {
        let stored = self.stored("ORDER BY created_at, id", &[])?;
        let implicit = !stored.iter().any(|stored| stored.token.id.0 == FIRST);
        let living = stored.into_iter().filter(|stored| stored.hash.is_some()).map(|stored| stored.token);
        let mut tokens: Vec<TokenInfo> = implicit.then(|| self.first()).into_iter().chain(living).collect();
        for token in &mut tokens {
            token.this = Some(&token.id) == self.caller_id();
        }
        self.tell_spent(&mut tokens)?;
        Ok(tokens)
    }

    /// Whether a token has this secret: the command that gave it came before.
    pub fn has_hash(&self, hash: &str) -> Result<bool, SqlError> {
        Ok(!self.sql.run("SELECT 1 FROM tokens WHERE hash = ?", &[hash.into()])?.is_empty())
    }
}
