use crate::account::refusal::Short;
use crate::account::tokens::{Cap, Caps, Spender, TokenInfo};
use crate::account::wallet::Wallet;
use crate::error::WalletError;
use crate::money::Cents;
use crate::sql::{Reader, SqlError, Value};

/// So many days are told one by one.
const DAYS_TOLD: i64 = 31;

impl Wallet<'_> {
    /// The caller's token; we spend without one.
    pub fn spender(&self) -> Option<Spender> {
        let token = &self.caller.as_ref()?.token;
        Some(Spender { id: token.id.clone(), capped: token.caps != Caps::default() })
    }

    /// How much of an amount the caps of the caller's token leave, if that is `least` or more; what it has held counts as
    /// spent.
    pub(crate) fn under_caps(&self, amount: Cents, least: Cents) -> Result<Result<Cents, Short>, WalletError> {
        let Some(caller) = &self.caller else { return Ok(Ok(amount)) };
        self.under_caps_of(&caller.token, amount, least)
    }

    /// Whether a hold's token may still spend so much, now that the hold is gone. One that has ended was let in before.
    pub(crate) fn may_spend_late(&self, token: Option<&Spender>, amount: Cents) -> Result<bool, WalletError> {
        let Some(token) = token.filter(|token| token.capped) else { return Ok(true) };
        let known = self.stored("WHERE id = ?", &[token.id.as_str().into()])?.pop();
        known.map_or(Ok(true), |stored| Ok(self.under_caps_of(&stored.token, amount, amount)?.is_ok()))
    }

    fn under_caps_of(
        &self,
        token: &TokenInfo,
        amount: Cents,
        least: Cents,
    ) -> Result<Result<Cents, Short>, WalletError> {
        let mut mine =
            self.open_holds().filter(|hold| hold.token.as_ref().is_some_and(|spender| spender.id == token.id));
        let held = mine.try_fold(Cents::ZERO, |sum, hold| sum.checked_add(hold.amount)).ok_or(WalletError::Overflow)?;
        let caps = [(Cap::Day, token.caps.day, token.spent_day), (Cap::Total, token.caps.total, token.spent_total)];
        let mut most = amount;
        for (cap, limit, spent) in caps {
            let Some(limit) = limit else { continue };
            let left = limit.checked_sub(spent).ok_or(WalletError::Overflow)?.max(Cents::ZERO);
            match left.checked_sub(held) {
                Some(free) if free >= least => most = most.min(free),
                _ => return Ok(Err(Short::TokenCap { cap, limit, left })),
            }
        }
        Ok(Ok(most))
    }

    /// What each of these has spent, from the ledger: a charge writes nothing more for it. Those with a cap are counted as well.
    pub(super) fn tell_spent(&self, tokens: &mut [TokenInfo]) -> Result<(), WalletError> {
        let rows = self.sql.run(
            "SELECT token, day, -SUM(amount) FROM
             (SELECT token, at / 86400000 AS day, amount FROM grouped_entries
             UNION ALL SELECT token, at / 86400000, amount FROM keyed_entries
             UNION ALL SELECT token, day, amount FROM entry_sums)
             WHERE token <> '' GROUP BY 1, 2 ORDER BY 2 DESC",
            &[],
        )?;
        for row in rows {
            let mut row = Reader::new(row);
            let (id, day, amount) = (row.text()?, row.integer()?, row.cents()?);
            let Some(token) = tokens.iter_mut().find(|token| token.id.as_str() == id) else { continue };
            if day > self.today() - DAYS_TOLD {
                token.spent_days.push((day, amount));
            }
            if token.caps == Caps::default() {
                token.spent_total = token.spent_total.checked_add(amount).ok_or(WalletError::Overflow)?;
                if day == self.today() {
                    token.spent_day = amount;
                }
            }
        }
        Ok(())
    }

    /// Counts what a token with a cap has spent; one that has ended meanwhile counts nothing.
    pub(crate) fn count_spent(&self, token: Option<&Spender>, amount: Cents) -> Result<(), SqlError> {
        let Some(token) = token.filter(|token| token.capped) else { return Ok(()) };
        let (today, units, most): (Value, Value, Value) =
            (self.today().into(), amount.units().into(), Cents::MAX.units().into());
        self.sql.run(
            "UPDATE tokens SET spent_day = MIN(IIF(spent_day_date >= ?, spent_day, 0) + ?, ?),
             spent_day_date = MAX(spent_day_date, ?),
             spent_total = MIN(spent_total + ?, ?) WHERE id = ?",
            &[today.clone(), units.clone(), most.clone(), today, units, most, token.id.as_str().into()],
        )?;
        Ok(())
    }
}
