use super::{FIRST, OLD_MS};
use crate::account::descent::Ending;
use crate::account::refusal::{LastToken, Rotated, TooManyTokens};
use crate::account::tokens::{Caller, MAX_TOKENS, NewToken, TokenId, TokenInfo};
use crate::account::wallet::Wallet;
use crate::error::WalletError;
use crate::money::Cents;
use crate::sql::{Reader, SqlError};

impl Wallet<'_> {
    /// Makes a token. Repeated, it is the same token.
    ///
    /// Where there are too many, those whose time is over make room; for a login so does the one of an earlier login that
    /// was not used for the longest time.
    pub fn mint(&self, token: &NewToken) -> Result<Result<(), TooManyTokens>, WalletError> {
        self.mint_with(token, self.caller_id())
    }

    /// Makes a token that hangs on another one.
    pub(crate) fn mint_with(
        &self,
        token: &NewToken,
        made_by: Option<&TokenId>,
    ) -> Result<Result<(), TooManyTokens>, WalletError> {
        if let Some(known) = self.stored("WHERE id = ?", &[token.id.as_str().into()])?.pop() {
            let same = known.hash.as_ref() == Some(&token.hash);
            return if same { Ok(Ok(())) } else { Err(SqlError("an id was used for two tokens".into()).into()) };
        }
        if self.is_full()? {
            // Nothing hangs on them: only a token that manages makes others, and such a one has no time.
            self.sql.run("DELETE FROM tokens WHERE expires_at <= ?", &[self.now.into()])?;
        }
        if self.is_full()? && token.login {
            let oldest =
                "SELECT id FROM tokens WHERE login = 1 AND hash IS NOT NULL ORDER BY last_used_day, created_at LIMIT 1";
            if let Some(row) = self.sql.run(oldest, &[])?.pop() {
                self.retire(&TokenId(Reader::new(row).text()?))?;
            }
        }
        if self.is_full()? {
            return Ok(Err(TooManyTokens));
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
                made_by.map(TokenId::as_str).into(),
                token.caps.day.map(Cents::units).into(),
                token.caps.total.map(Cents::units).into(),
                self.now.into(),
                token.expires_at.into(),
            ],
        )?;
        Ok(Ok(()))
    }

    fn is_full(&self) -> Result<bool, SqlError> {
        let mut rows = self.sql.run("SELECT COUNT(*) FROM tokens WHERE hash IS NOT NULL OR id = ?", &[FIRST.into()])?;
        Ok(Reader::new(rows.pop().unwrap_or_default()).integer()? >= MAX_TOKENS as i64)
    }

    /// Gives the caller's token a new secret. The old one works until the new one is first used, or its time is over.
    ///
    /// Of two with one old secret the first wins, and may be repeated: who got hold of the old one does not take the place
    /// of the owner's new one.
    ///
    /// # Panics
    /// Without a caller.
    pub fn rotate(&self, hash: &str) -> Result<Result<(), Rotated>, SqlError> {
        let caller = self.caller.as_ref().expect("whoever has a token");
        if caller.by_old {
            return Ok(if self.has_hash(hash)? { Ok(()) } else { Err(Rotated) });
        }
        self.sql.run(
            "UPDATE tokens SET old_hash = hash, old_until = ?, hash = ? WHERE id = ?",
            &[(self.now + OLD_MS).into(), hash.into(), caller.token.id.as_str().into()],
        )?;
        Ok(Ok(()))
    }

    /// Revokes a token, and with it all that came from it, which may be in the same wrong hands; the caller's own is not among
    /// that. Refused, when it is the caller's own and the last way to the account's money.
    pub fn revoke(&mut self, id: &TokenId) -> Result<Result<(), LastToken>, WalletError> {
        let ending = self.ending_with_tokens(std::slice::from_ref(id))?;
        if self.caller_id() == Some(id) && self.locks_out(&ending)? {
            return Ok(Err(LastToken));
        }
        self.end(&ending)?;
        Ok(Ok(()))
    }

    /// A browser forgets the caller's token. One that a login gave ends with it; others may be kept elsewhere, too.
    ///
    /// Refused, unless `forget`, when it is the last way to the account's money.
    pub fn log_out(&mut self, forget: bool) -> Result<Result<(), LastToken>, WalletError> {
        let Some(Caller { token, .. }) = &self.caller else { return Ok(Ok(())) };
        let (id, is_login) = (token.id.clone(), token.login);
        if !forget && token.manage && self.locks_out(&Ending::of_token_alone(&id))? {
            return Ok(Err(LastToken));
        }
        if is_login {
            self.retire(&id)?;
        }
        Ok(Ok(()))
    }

    /// A token that a login gave opens nothing any more. Nobody says that it was in the wrong hands, so nothing ends with it;
    /// what came from it still hangs on it, should that be said later.
    fn retire(&self, id: &TokenId) -> Result<(), SqlError> {
        self.end_token(id)?;
        self.forget_tokens()
    }

    /// The token opens nothing any more.
    pub(crate) fn end_token(&self, id: &TokenId) -> Result<(), SqlError> {
        if id.0 == FIRST {
            return self.store_first(None);
        }
        self.sql.run("UPDATE tokens SET hash = NULL, old_hash = NULL WHERE id = ?", &[id.as_str().into()])?;
        Ok(())
    }

    /// Forgets tokens that have ended, but for those that something still hangs on: by them it hangs on what is before.
    pub(crate) fn forget_tokens(&self) -> Result<(), SqlError> {
        self.sql.run(
            "DELETE FROM tokens WHERE hash IS NULL AND id <> ?
             AND NOT EXISTS (SELECT 1 FROM tokens made WHERE made.made_by = tokens.id)
             AND NOT EXISTS (SELECT 1 FROM cards WHERE cards.token = tokens.id)
             AND NOT EXISTS (SELECT 1 FROM logins WHERE logins.approved_by = tokens.id)",
            &[FIRST.into()],
        )?;
        Ok(())
    }

    /// Gives the caller's token a new secret at once, and ends all others, the logins that wait, and all cards but those that
    /// the caller claimed. An old secret may not, as in [`Wallet::rotate`].
    ///
    /// # Panics
    /// Without a caller.
    pub fn log_out_everywhere(&mut self, hash: &str) -> Result<Result<(), Rotated>, WalletError> {
        let caller = self.caller.as_ref().expect("whoever has a token");
        if caller.by_old {
            return Ok(Err(Rotated));
        }
        let caller = caller.token.id.clone();
        self.end_all_but_the_caller()?;
        let parameters = [hash.into(), caller.as_str().into()];
        self.sql.run("UPDATE tokens SET hash = ?, old_hash = NULL WHERE id = ?", &parameters)?;
        Ok(Ok(()))
    }

    /// Ends every token, waiting login and card but the caller's own, also what came from tokens that ended before.
    pub(crate) fn end_all_but_the_caller(&mut self) -> Result<(), WalletError> {
        let others: Vec<TokenId> =
            self.tokens()?.into_iter().filter(|token| !token.this).map(|token| token.id).collect();
        let ending = self.ending_with_tokens(&others)?;
        self.end(&ending)?;
        for login in self.pending_logins()? {
            self.end_login(&login.payment)?;
        }
        let caller = self.caller_id().cloned();
        for card in self.all_cards()?.into_iter().filter(|card| caller.as_ref() != Some(&card.token)) {
            self.release_card(&card.id)?;
        }
        Ok(())
    }

    /// Whether nobody could get at the account's money any more without what is to end.
    fn locks_out(&self, ending: &Ending) -> Result<bool, WalletError> {
        let lives = |token: &TokenInfo| self.manages(token) && !ending.has_token(&token.id);
        Ok(self.account.balance.is_positive()
            && !self.tokens()?.iter().any(lives)
            && !self.cards()?.iter().any(|card| !ending.has_card(&card.id)))
    }

    /// Whether another token than the caller's manages the account, and goes on to when no card opens it any more.
    pub fn is_managed_elsewhere_once_locked(&self) -> Result<bool, WalletError> {
        let ending = self.ending_with_cards()?;
        Ok(self.tokens()?.iter().any(|token| self.manages(token) && !token.this && !ending.has_token(&token.id)))
    }

    fn manages(&self, token: &TokenInfo) -> bool {
        token.manage && token.expires_at.is_none_or(|at| at > self.now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::charge::{Charge, Overdraft};
    use crate::account::hold::{DELIVERY_MS, Ending, HoldId, Outcome, Report, Settled};
    use crate::account::idempotency::IdempotencyKey;
    use crate::account::payment::Credit;
    use crate::account::refusal::{NotCharged, NotReserved, Short};
    use crate::account::row::AccountRow;
    use crate::account::tokens::{Cap, Caps, Denied, Spender};
    use crate::clock::{DAY_MS, Millis};
    use crate::identity::{Proof, Token};
    use crate::schema::{Schema, migrate};
    use crate::tables::Role;
    use crate::testing::database;

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
            .credit(&Credit {
                account: id,
                key: "cs".into(),
                amount: Cents::new(cents),
                paid: None,
                payment_intent: None,
                payer: Default::default(),
            })
            .unwrap();
        for token in tokens {
            wallet.mint(token).unwrap().unwrap();
        }
        wallet.save().unwrap();
        sql
    }

    fn charge(sql: &rusqlite::Connection, now: Millis, name: &str, cents: i64) {
        at(sql, now, |wallet| {
            wallet.authenticate(&proof(name)).unwrap().unwrap();
            let key = HoldId::generate(now).as_str().to_owned();
            let charge =
                Charge { key, amount: Cents::new(cents), overdraft: Overdraft::Deny, detail: "GET /".to_owned() };
            wallet.charge(&charge).unwrap().unwrap();
        });
    }

    #[test]
    fn each_token_knows_what_it_spent_on_which_day_and_folding_forgets_nothing_of_the_whole() {
        /// Label, today, in all, and by days.
        type Told = (String, i64, i64, Vec<(i64, i64)>);
        let sql = account(100, &[token("free"), capped("agent", None, Some(50)), token("idle")]);
        let told = |now: Millis| -> Vec<Told> {
            let units = |amount: Cents| amount.units() / 10_000;
            let told = |token: TokenInfo| {
                let days = token.spent_days.iter().map(|(day, amount)| (*day, units(*amount))).collect();
                (token.label, units(token.spent_day), units(token.spent_total), days)
            };
            let mut tokens: Vec<_> = at(&sql, now, |wallet| wallet.tokens().unwrap()).into_iter().map(told).collect();
            tokens.retain(|(label, ..)| label == "free" || label == "agent" || label == "idle");
            tokens.sort();
            tokens
        };
        charge(&sql, NOW, "free", 3);
        charge(&sql, NOW, "free", 4);
        charge(&sql, NOW, "agent", 5);
        charge(&sql, NOW + DAY_MS, "free", 1);
        let agent = |today, days: &[(i64, i64)]| ("agent".to_owned(), today, 5, days.to_vec());
        let free = |today, days: &[(i64, i64)]| ("free".to_owned(), today, 8, days.to_vec());
        let idle = || ("idle".to_owned(), 0, 0, Vec::new());
        assert_eq!(told(NOW + DAY_MS), [agent(0, &[(20_000, 5)]), free(1, &[(20_001, 1), (20_000, 7)]), idle()]);
        assert_eq!(told(NOW + 31 * DAY_MS), [agent(0, &[]), free(0, &[(20_001, 1)]), idle()], "31 days are told");
        let later = NOW + 200 * DAY_MS;
        while at(&sql, later, |wallet| wallet.fold(500).unwrap()).is_some_and(|next| next <= later) {}
        assert_eq!(told(later), [agent(0, &[]), free(0, &[]), idle()]);
    }

    fn opens(sql: &rusqlite::Connection, now: Millis, proof: &Proof) -> Result<(), Denied> {
        at(sql, now, |wallet| wallet.authenticate(proof).unwrap())
    }

    fn reserve(sql: &rusqlite::Connection, now: Millis, name: &str, cents: i64) -> Result<HoldId, NotReserved> {
        at(sql, now, |wallet| {
            wallet.authenticate(&proof(name)).unwrap().unwrap();
            let hold = HoldId::generate(now);
            wallet.reserve(&hold, Cents::new(cents), 60).unwrap().map(|()| hold)
        })
    }

    fn ending(hold: &HoldId, outcome: Outcome, token: Option<&str>) -> Ending {
        Ending {
            hold: hold.clone(),
            outcome,
            key: None,
            token: token.map(|name| Spender { id: TokenId(format!("id-{name}")), capped: true }),
        }
    }

    fn capture(cents: i64) -> Outcome {
        Outcome::Capture { amount: Cents::new(cents), detail: "GET /".into() }
    }

    fn number(sql: &rusqlite::Connection, select: &str) -> i64 {
        use crate::sql::Sql;
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
    }

    #[test]
    fn a_token_that_spends_sees_no_person() {
        let sql = account(10, &[token("spends"), NewToken { manage: true, ..token("manages") }]);
        sql.execute("UPDATE users SET name = 'Ada', email = 'a@b', card_fingerprint = 'f', verified_email = 'c@d'", [])
            .unwrap();
        for (proof, sees) in [(first(), true), (proof("manages"), true), (proof("spends"), false)] {
            let mut wallet = Wallet::load(&sql, &SCHEMA, NOW).unwrap().unwrap();
            wallet.authenticate(&proof).unwrap().unwrap();
            let AccountRow { name, email, card_fingerprint, verified_email, .. } = wallet.save().unwrap();
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
            assert_eq!(wallet.mint(&token("one more")).unwrap(), Err(TooManyTokens));
            assert_eq!(wallet.mint(&token("a")).unwrap(), Ok(()), "it is there already");
        });
        assert_eq!(number(&sql, "SELECT COUNT(*) FROM tokens"), MAX_TOKENS as i64);
    }

    #[test]
    fn a_cap_counts_what_is_held_and_what_was_captured_late_too() {
        let sql = account(1_000, &[capped("day", Some(10), None), capped("total", Some(50), Some(15)), token("free")]);
        let refused =
            |cap, limit, left| Err(Short::TokenCap { cap, limit: Cents::new(limit), left: Cents::new(left) }.into());
        let held = reserve(&sql, NOW, "day", 6).unwrap();
        assert_eq!(reserve(&sql, NOW, "day", 5).map(drop), refused(Cap::Day, 10, 10), "it is held");
        assert_eq!(reserve(&sql, NOW, "total", 15).map(drop), Ok(()), "each token for itself");
        assert_eq!(reserve(&sql, NOW, "free", 500).map(drop), Ok(()));
        at(&sql, NOW, |wallet| wallet.settle(&ending(&held, capture(4), None)).unwrap());
        assert_eq!(reserve(&sql, NOW, "day", 7).map(drop), refused(Cap::Day, 10, 6));
        let released = reserve(&sql, NOW, "day", 6).unwrap();
        at(&sql, NOW, |wallet| wallet.settle(&ending(&released, Outcome::Release, None)).unwrap());

        let late = reserve(&sql, NOW, "day", 6).unwrap();
        let after = NOW + 60_000 + DELIVERY_MS;
        let settled = at(&sql, after, |wallet| wallet.settle(&ending(&late, capture(6), Some("day"))).unwrap());
        assert_eq!(settled, Settled::Captured);
        assert_eq!(reserve(&sql, after, "day", 1).map(drop), refused(Cap::Day, 10, 0));
        let gone = HoldId::generate(NOW);
        let settled = at(&sql, after, |wallet| wallet.settle(&ending(&gone, capture(1), Some("day"))).unwrap());
        assert_eq!(settled, Settled::Gone, "others have spent what it had held");
        let (before, tomorrow) = (NOW + DAY_MS / 2 - 1, NOW + DAY_MS);
        let another_day = reserve(&sql, tomorrow, "day", 10).unwrap();
        at(&sql, tomorrow, |wallet| wallet.settle(&ending(&another_day, capture(10), None)).unwrap());
        assert_eq!(reserve(&sql, before, "day", 1).map(drop), refused(Cap::Day, 10, 0), "the clock went back");
        assert_eq!(reserve(&sql, tomorrow, "total", 16).map(drop), refused(Cap::Total, 15, 15));
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
        let refused = Err(Short::TokenCap { cap: Cap::Day, limit, left }.into());
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
        let cap = |left| {
            Err(NotCharged::Short(Short::TokenCap { cap: Cap::Total, limit: Cents::new(8), left: Cents::new(left) }))
        };
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
            at(&sql, now, |wallet| wallet.authenticate(with).unwrap().map(|()| wallet.rotate(to).unwrap().unwrap()))
        };
        let held = reserve(&sql, NOW, "a", 5).unwrap();
        at(&sql, NOW, |wallet| wallet.settle(&ending(&held, capture(5), None)).unwrap());

        for _ in 0..2 {
            rotate(NOW, &proof("a"), "b").unwrap();
            assert_eq!(number(&sql, "SELECT COUNT(*) FROM tokens WHERE hash = 'b' AND old_hash = 'a'"), 1);
        }
        assert_eq!(opens(&sql, NOW + OLD_MS - 1, &proof("a")), Ok(()), "nobody has used the new one");
        rotate(NOW + OLD_MS - 1, &proof("a"), "b").unwrap();
        assert_eq!(opens(&sql, NOW + OLD_MS, &proof("a")), Err(Denied::Wrong), "its time did not begin anew");
        rotate(NOW + OLD_MS, &proof("b"), "c").unwrap();

        rotate(NOW, &proof("c"), "d").unwrap();
        assert_eq!(opens(&sql, NOW, &proof("c")), Ok(()));
        assert_eq!(opens(&sql, NOW, &proof("d")), Ok(()));
        assert_eq!(opens(&sql, NOW, &proof("c")), Err(Denied::Wrong), "the new one was used");
        let left = Short::TokenCap { cap: Cap::Total, limit: Cents::new(8), left: Cents::new(3) };
        assert_eq!(reserve(&sql, NOW, "d", 4).map(drop), Err(left.into()), "caps and what was spent stay");

        rotate(NOW, &first(), "e").unwrap();
        assert_eq!(opens(&sql, NOW, &proof("e")), Ok(()));
        assert_eq!(opens(&sql, NOW, &first()), Err(Denied::Wrong), "the first one like any other");
    }

    #[test]
    fn the_holder_of_an_old_secret_rotates_after_the_owner() {
        let sql = account(10, &[NewToken { manage: true, ..token("a") }]);
        let as_old = |act: fn(&mut Wallet<'_>) -> Result<(), Rotated>| {
            at(&sql, NOW, |wallet| {
                wallet.authenticate(&proof("a")).unwrap().unwrap();
                act(wallet)
            })
        };
        assert_eq!(as_old(|wallet| wallet.rotate("owner").unwrap()), Ok(()));
        assert_eq!(as_old(|wallet| wallet.rotate("thief").unwrap()), Err(Rotated));
        assert_eq!(as_old(|wallet| wallet.log_out_everywhere("thief").unwrap()), Err(Rotated));
        assert_eq!(as_old(|wallet| wallet.rotate("owner").unwrap()), Ok(()), "the same again");
        assert_eq!(opens(&sql, NOW, &proof("thief")), Err(Denied::Wrong));
        assert_eq!(opens(&sql, NOW, &proof("owner")), Ok(()));
        assert_eq!(opens(&sql, NOW, &proof("a")), Err(Denied::Wrong));
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
        assert_eq!(revoke(&proof("manages"), "id-manages"), Err(LastToken));
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
            let insert = "INSERT INTO cards (id, identity, label, token, payment, claim, state, at, shows_at)
                VALUES (?1, ?1, 'visa', ?2, 'p', ?1, 'owned', 1, 1)";
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
            wallet.log_out_everywhere("fresh").unwrap().unwrap();
            wallet.claimed("3", 7, true).unwrap();
            let cards: Vec<_> = wallet.cards().unwrap().into_iter().map(|card| card.id).collect();
            assert_eq!(cards, ["2"], "only what this very token claimed, and nothing that is yet to be");
        });
    }

    #[test]
    fn no_token_ends_itself_with_all_that_could_take_its_place() {
        let sql = account(10, &[]);
        let first_does = |act: fn(&mut Wallet<'_>) -> Result<Result<(), LastToken>, WalletError>| {
            at(&sql, NOW, |wallet| {
                wallet.authenticate(&first()).unwrap().unwrap();
                act(wallet).unwrap()
            })
        };
        let revoke = |wallet: &mut Wallet<'_>| wallet.revoke(&TokenId(FIRST.into()));
        at(&sql, NOW, |wallet| {
            wallet.authenticate(&first()).unwrap().unwrap();
            wallet.mint(&NewToken { manage: true, ..token("made") }).unwrap().unwrap();
        });
        assert_eq!(first_does(revoke), Err(LastToken), "what it made would end with it");
        let insert = "INSERT INTO cards (id, identity, label, token, payment, claim, state, at, shows_at)
            VALUES ('c', 'c', 'visa', 'first', 'p', 1, 'owned', 1, 1)";
        sql.execute(insert, []).unwrap();
        assert_eq!(first_does(revoke), Err(LastToken), "and so would its card");
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
        assert_eq!(log_out(&first(), false), Err(LastToken));
        assert_eq!(log_out(&first(), true), Ok(()));
        assert_eq!(opens(&sql, NOW, &first()), Ok(()), "somebody may have kept it");

        at(&sql, NOW, |wallet| wallet.mint(&login).unwrap().unwrap());
        at(&sql, NOW, |wallet| {
            wallet.authenticate(&proof("login")).unwrap().unwrap();
            wallet.log_out_everywhere("fresh").unwrap().unwrap();
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
            assert_eq!(wallet.mint(&token("more")).unwrap(), Err(TooManyTokens));
        });
        opens(&sql, NOW, &proof("50")).unwrap();
        at(&sql, NOW + 1, |wallet| {
            wallet.mint(&token("more")).unwrap().unwrap();
            assert_eq!(wallet.mint(&token("and more")).unwrap(), Err(TooManyTokens));
            wallet.mint(&NewToken { login: true, ..token("login") }).unwrap().unwrap();
        });
        assert_eq!(opens(&sql, NOW, &proof("50")), Ok(()));
        assert_eq!(opens(&sql, NOW, &proof("60")), Err(Denied::Wrong), "it was never used");
    }
}
