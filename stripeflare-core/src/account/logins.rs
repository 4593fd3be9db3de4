//! Logins by a card of this account that was used to pay into another one: pending, until somebody who manages this account
//! approves them or their time has come; then taken, once, for one access token; or ended, from any state and for good.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::account::refusal::{NoLogin, NotBegun};
use crate::account::tokens::{NewToken, TokenId};
use crate::account::wallet::Wallet;
use crate::clock::{DAY_MS, Millis};
use crate::error::WalletError;
use crate::identity::AccountId;
use crate::sql::{Named, Reader, Row, SqlError, read_all};

/// Logins that may wait in one account at once.
pub const MAX_LOGINS: usize = 10;
/// How long one may be taken once its time has come.
pub const TAKE_MS: Millis = DAY_MS;

/// The payer of another account's payment wants to use this account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoginRequest {
    /// The key of the payment.
    pub payment: String,
    /// The account that was paid.
    pub from: AccountId,
    /// The card's id, and the claim by which it is this account's.
    pub card: String,
    pub claim: i64,
    /// How long it waits unless it is approved.
    pub wait: Millis,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LoginState {
    Pending,
    Approved,
    Taken,
    Ended,
}

impl Named for LoginState {
    const ALL: &[Self] = &[Self::Pending, Self::Approved, Self::Taken, Self::Ended];

    fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Taken => "taken",
            Self::Ended => "ended",
        }
    }
}

/// One row of `logins`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingLogin {
    pub payment: String,
    pub from: AccountId,
    pub card: String,
    claim: i64,
    pub state: LoginState,
    pub at: Millis,
    /// From then on it may be taken without anybody's word.
    pub matures_at: Millis,
    /// From then on it may not be taken any more.
    pub expires_at: Millis,
    /// Of the login that was taken.
    token: Option<TokenId>,
}

/// What became of taking a login.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Taken {
    /// The token is there.
    Token,
    /// Neither approved nor matured yet.
    NotYet,
    /// The token that it gave is in use.
    Used,
    Ended,
    TooManyTokens,
}

/// What may be shown of an account to a payer whose card opens it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CardOwner {
    pub registered_at: Millis,
    /// Of a Link account; nothing that a payer typed.
    pub verified_email: Option<String>,
    pub cards: usize,
    pub tokens: usize,
    /// The claim that makes the card this account's.
    pub claim: i64,
}

/// Six letters by which people see that two pages are about the same login.
pub fn letters(payment: &str) -> String {
    // Without those that look like digits.
    const ALPHABET: &[u8; 24] = b"ABCDEFGHJKLMNPQRSTUVWXYZ";
    let hash = Sha256::new().chain_update(b"stripeflare login\0").chain_update(payment).finalize();
    hash.iter().take(6).map(|byte| char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()])).collect()
}

const SELECT: &str = "SELECT payment, from_account, card, claim, state, at, matures_at, expires_at, token FROM logins";
const WAITING: &str = "state IN ('pending', 'approved') AND expires_at > ?";

impl PendingLogin {
    fn read(row: Row) -> Result<Self, SqlError> {
        let mut row = Reader::new(row);
        Ok(Self {
            payment: row.text()?,
            from: row.account()?,
            card: row.text()?,
            claim: row.integer()?,
            state: row.named()?,
            at: row.integer()?,
            matures_at: row.integer()?,
            expires_at: row.integer()?,
            token: row.optional_text()?.map(TokenId::from),
        })
    }

    /// Whether it may be taken at that time.
    pub fn is_ripe(&self, now: Millis) -> bool {
        let waited = self.state == LoginState::Pending && self.matures_at <= now;
        (waited || self.state == LoginState::Approved) && now < self.expires_at
    }
}

impl Wallet<'_> {
    /// What a payer may see whose card this account has; `None`: it opens nothing here, or not yet.
    ///
    /// A claim is as old as a login waits before it lets anybody in.
    pub fn card_owner(&self, card: &str, wait: Millis) -> Result<Option<CardOwner>, WalletError> {
        if self.account.locked || self.account.closed {
            return Ok(None);
        }
        let Some(row) = self.owned_card(card)?.filter(|row| row.at + wait <= self.now) else { return Ok(None) };
        Ok(Some(CardOwner {
            registered_at: self.account.registered_at,
            verified_email: self.account.verified_email.clone(),
            cards: self.cards()?.len(),
            tokens: self.tokens()?.len(),
            claim: row.claim,
        }))
    }

    /// Begins a login, or answers what has become of it.
    pub fn begin_login(&mut self, wanted: &LoginRequest) -> Result<Result<PendingLogin, NotBegun>, WalletError> {
        if let Some(known) = self.login(&wanted.payment)? {
            return Ok(Ok(known));
        }
        let opens = |owner: Option<CardOwner>| owner.is_some_and(|owner| owner.claim == wanted.claim);
        if self.is_disowned(&wanted.payment)? || !opens(self.card_owner(&wanted.card, wanted.wait)?) {
            return Ok(Err(NotBegun::NoLogin));
        }
        if self.pending_logins()?.len() >= MAX_LOGINS {
            return Ok(Err(NotBegun::TooManyLogins));
        }
        let matures_at = self.now + wanted.wait;
        self.sql.run(
            "INSERT INTO logins (payment, from_account, card, claim, state, at, matures_at, expires_at)
             VALUES (?, ?, ?, ?, 'pending', ?, ?, ?)",
            &[
                wanted.payment.as_str().into(),
                wanted.from.as_str().into(),
                wanted.card.as_str().into(),
                wanted.claim.into(),
                self.now.into(),
                matures_at.into(),
                (matures_at + TAKE_MS).into(),
            ],
        )?;
        self.touch();
        Ok(Ok(self.login(&wanted.payment)?.expect("the row that was just inserted")))
    }

    /// A login that waited until now, or ended.
    pub fn login(&self, payment: &str) -> Result<Option<PendingLogin>, WalletError> {
        let row = self.sql.run(&format!("{SELECT} WHERE payment = ?"), &[payment.into()])?.pop();
        Ok(row.map(PendingLogin::read).transpose()?)
    }

    /// Those that wait for the owner, or for their time, or to be taken.
    pub fn pending_logins(&self) -> Result<Vec<PendingLogin>, WalletError> {
        let rows = self.sql.run(&format!("{SELECT} WHERE {WAITING} ORDER BY at, payment"), &[self.now.into()])?;
        Ok(read_all(rows, PendingLogin::read)?)
    }

    /// The caller, who manages the account, lets a login in or ends it. An approval hangs on the caller's token; the login that
    /// gave the caller's own is over when that is revoked.
    pub fn decide_login(&mut self, payment: &str, approve: bool) -> Result<Result<(), NoLogin>, WalletError> {
        let Some(login) = self.login(payment)? else { return Ok(Err(NoLogin)) };
        if !approve {
            if login.state == LoginState::Taken && login.token.as_ref() == self.caller_id() {
                return Ok(Err(NoLogin));
            }
            return self.end_login(payment).map(Ok);
        }
        match login.state {
            LoginState::Pending if self.now < login.expires_at => {
                let by = self.caller_id().map(TokenId::as_str);
                let update = "UPDATE logins SET state = 'approved', approved_by = ? WHERE payment = ?";
                self.sql.run(update, &[by.into(), payment.into()])?;
                self.touch();
                Ok(Ok(()))
            }
            LoginState::Approved | LoginState::Taken => Ok(Ok(())),
            LoginState::Pending | LoginState::Ended => Ok(Err(NoLogin)),
        }
    }

    /// Gives the waiting browser its token, if its time has come: checked and made in this one transaction.
    ///
    /// Taken again before the token was used, it is the same token with a new secret.
    pub fn take_login(&mut self, payment: &str, token: &NewToken) -> Result<Taken, WalletError> {
        let Some(login) = self.login(payment)? else { return Ok(Taken::Ended) };
        let card = self.owned_card(&login.card)?.filter(|card| card.claim == login.claim);
        let late = login.state != LoginState::Taken && login.expires_at <= self.now;
        let closed = late || self.account.locked || self.account.closed;
        let Some(card) = card.filter(|_| login.state != LoginState::Ended && !closed) else {
            self.end_login(payment)?;
            return Ok(Taken::Ended);
        };
        if let (LoginState::Taken, Some(given)) = (login.state, &login.token) {
            let unused =
                "UPDATE tokens SET hash = ? WHERE id = ? AND hash IS NOT NULL AND last_used_day IS NULL RETURNING 1";
            let again = self.sql.run(unused, &[token.hash.as_str().into(), given.as_str().into()])?;
            return Ok(if again.is_empty() { Taken::Used } else { Taken::Token });
        }
        if !login.is_ripe(self.now) {
            return Ok(Taken::NotYet);
        }
        // It comes from whoever claimed the card, also when the card is gone.
        if self.mint_with(token, Some(&card.token))?.is_err() {
            return Ok(Taken::TooManyTokens);
        }
        let update = "UPDATE logins SET state = 'taken', token = ? WHERE payment = ?";
        self.sql.run(update, &[token.id.as_str().into(), payment.into()])?;
        self.touch();
        Ok(Taken::Token)
    }

    /// No card opens the account from now on, and none is claimed; those that did are given up, and logins by them end.
    pub fn lock(&mut self, locked: bool) -> Result<(), WalletError> {
        self.sql.run("UPDATE users SET locked = ?", &[i64::from(locked).into()])?;
        self.account.locked = locked;
        self.touch();
        if !locked {
            return Ok(());
        }
        let ending = self.ending_with_cards()?;
        self.end(&ending)
    }
}

#[cfg(test)]
mod tests;
